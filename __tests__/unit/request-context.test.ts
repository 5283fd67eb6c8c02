import { describe, expect, test } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import request from 'supertest';
import { normaliseAddress } from '../../lib/http/address.js';
import { readBody } from '../../lib/http/body.js';
import { contextOf } from '../../lib/http/request-context.js';
import { standardBody, standardBulk, standardParameters } from '../../lib/http/request-quirks.js';
import { readQuery } from '../../lib/http/resource-routes.js';
import { readBulk } from '../../lib/protocol/bulk.js';
import { GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';

const TYPES = [USER_RESOURCE_TYPE, GROUP_RESOURCE_TYPE];
const OPERATIONS = 10;
const BYTES = 10_000;

/** As after the door: the third token, of a request that changes nothing unless its method says otherwise. */
const admitted: RequestHandler = (_asked, response, next) => {
  response.locals.gate = { tokenHash: Buffer.alloc(32), tokenNumber: 3, enabled: true, maintenance: false };
  next();
};

/** Answers what the routes would hand on. */
const answer: RequestHandler = (asked, response) => {
  response.json({ quirks: [...contextOf(asked, response, 1).quirks].sort(), url: asked.url, body: asked.body });
};

const standardise: RequestHandler = (asked, response, next) => {
  asked.body = standardBulk(response, readBulk(asked.body, TYPES, OPERATIONS)).operations.map((operation) => operation.request);
  next();
};

const app = express()
  .use((asked, response, next) => {
    normaliseAddress(asked, response);
    next();
  }, admitted)
  .get('/Users', (asked, response, next) => {
    standardParameters(response, TYPES, readQuery(asked));
    answer(asked, response, next);
  })
  .patch('/Users/:id', readBody(BYTES), standardBody('patch', USER_RESOURCE_TYPE), answer)
  .post('/Groups', readBody(BYTES), standardBody('body', GROUP_RESOURCE_TYPE), answer)
  .post('/Bulk', readBody(BYTES), standardise, answer);

const SCIM = 'application/scim+json';

describe('the context of a request', () => {
  test.each([
    ['GET', '/Users', false],
    ['HEAD', '/Users', false],
    ['POST', '/Users/.search', false],
    ['POST', '/Users', true],
    ['DELETE', '/Users/7', true],
  ] as const)('of %s %s names the token, and whether it changes anything: %s', async (method, path, writes) => {
    const told = express().use(admitted, (asked, response) => {
      const { access, audit } = contextOf(asked, response, 1);
      response.set('Told', JSON.stringify({ access, createdBy: audit.createdBy })).end();
    });
    const verb = { GET: 'get', HEAD: 'head', POST: 'post', DELETE: 'delete' } as const;
    const { headers } = await request(told)[verb[method]](path);
    expect(JSON.parse(headers.told ?? '')).toEqual({ access: { tokenNumber: 3, writes }, createdBy: 'SCIM token #3' });
  });

  test('is none before the request was admitted', async () => {
    const told = express().use((asked, response) => {
      expect(() => contextOf(asked, response, 1)).toThrow(/not admitted/);
      response.end();
    });
    await request(told).get('/Users').expect(200);
  });

  test('names the quirks of the address, the header and the body', async () => {
    const { body } = await request(app)
      .patch('//Users/7/?aadOptscim062020&')
      .set('Content-Type', 'application/json; charset=utf-8')
      .send('{"Operations":[{"op":"Replace","path":"active","value":"False"}]}');
    expect(body.quirks).toEqual(['F04', 'F06', 'H01', 'H02', 'H06', 'H07', 'U01', 'U02', 'U27']);
    expect(body.url).toBe('/Users/7');
    expect(body.body.Operations).toEqual([{ op: 'replace', path: 'active', value: false }]);
  });

  test('names those of a query', async () => {
    const { body } = await request(app).get('/Users?filter=email+eq+%22a%22&attributes=manager');
    expect(body.quirks).toEqual(['F03', 'F10', 'F15']);
  });

  test('names those of every operation of a bulk request', async () => {
    const Operations = [
      { method: 'POST', path: '/Users', bulkId: 'a', data: { userName: 'a', active: 'True' } },
      { method: 'PATCH', path: '/Groups/7', data: { Operations: [{ op: 'Remove', path: 'members', value: '8' }] } },
      { method: 'POST', path: '/Users', bulkId: 'b', data: 'nothing' },
      { method: 'DELETE', path: '/Users/7' },
    ];
    const { body } = await request(app).post('/Bulk').set('Content-Type', SCIM).send(JSON.stringify({ Operations }));
    expect(body.quirks).toEqual(['G10', 'G14', 'P15', 'U02', 'U27']);
    expect(body.body[0].data).toEqual({ userName: 'a', active: true });
    expect(body.body[1].data.Operations).toEqual([{ op: 'remove', path: 'members', value: [{ value: '8' }] }]);
  });

  test('names none for a standard request', async () => {
    const sent = { schemas: [GROUP_RESOURCE_TYPE.core.id], displayName: 'Pilots', members: [{ value: '7' }] };
    const { body } = await request(app).post('/Groups').set('Content-Type', SCIM).send(JSON.stringify(sent));
    expect(body).toEqual({ quirks: [], url: '/Groups', body: sent });
  });
});
