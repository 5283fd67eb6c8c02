import { describe, expect, test } from '@jest/globals';
import express, { type Request, type RequestHandler } from 'express';
import OpenApiValidator from 'express-openapi-validator';
import fc from 'fast-check';
import { SCIM_MEDIA_TYPE } from '../../lib/http/answer.js';
import { CONTRACT, validateByContract } from '../../lib/http/openapi-validation.js';
import { bentBody, bentPatch, standardBody, standardPatch } from './quirk-arbitraries.js';

/** The library as it wants to be used: all of its handlers in front of every route. */
const whole = OpenApiValidator.middleware(CONTRACT) as readonly RequestHandler[];
const contract = validateByContract();

const app = express();
const parseQuery: (text: string) => Request['query'] = app.get('query parser fn');

interface Sent {
  readonly method: string;
  /** As Express has it, and as it is sent. */
  readonly route: string;
  readonly path: string;
  readonly query: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

const asRequest = ({ method, route, path, query, body, contentType }: Sent): Request => {
  const url = query === '' ? path : `${path}?${query}`;
  const id = route.endsWith('/:id') ? { id: decodeURIComponent(path.slice(path.lastIndexOf('/') + 1)) } : {};
  const shown = {
    ...{ app, method, url, path, originalUrl: `/scim${url}`, baseUrl: '/scim', route: { path: route }, params: id },
    ...{
      query: parseQuery(query),
      headers: contentType === undefined ? {} : { 'content-type': contentType },
      body: structuredClone(body),
    },
  };
  return shown as unknown as Request;
};

/** The faults that a client is told of. */
const faultsIn = async (handlers: readonly RequestHandler[], sent: Sent): Promise<unknown> => {
  const asked = asRequest(sent);
  for (const handler of handlers) {
    const error = await new Promise<unknown>((resolve) => {
      handler(asked, {} as Parameters<RequestHandler>[1], resolve);
    });
    if (error !== undefined) {
      const { status, errors, message } = error as { status?: number; errors?: unknown; message?: string };
      return { status, errors, message };
    }
  }
  return undefined;
};

const BODILESS: readonly (readonly [method: string, route: string, path: string])[] = [
  ['GET', '/Users', '/Users'],
  ['GET', '/Users/:id', '/Users/7'],
  ['DELETE', '/Users/:id', '/Users/a%20b'],
  ['GET', '/Groups', '/groups'],
  ['GET', '/Groups/:id', '/Groups/%00'],
  ['DELETE', '/Groups/:id', '/Groups/7'],
  ['HEAD', '/Users', '/Users'],
  ['HEAD', '/Users/:id', '/Users/7'],
];

const parameter = fc
  .tuple(
    fc.constantFrom(
      ...['filter', 'startIndex', 'count', 'cursor', 'sortBy', 'sortOrder', 'attributes', 'excludedAttributes'],
      ...['FILTER', 'SortOrder', 'unknown', 'filter[]', 'count[a]', 'sortOrder[0]', 'filter%5B%5D', '', '__proto__', 'toString'],
    ),
    fc.constantFrom(
      '',
      '=',
      '=1',
      '=a:b',
      '=a%3Ab',
      '=userName%20eq%20%22x%22',
      '=a,b',
      '=%00',
      '=descending',
      '={"a":1}',
      '=[1]',
      '=%zz',
    ),
  )
  .map(([name, value]) => name + value);
const query = fc.array(parameter, { maxLength: 4 }).map((parts) => parts.join('&'));

describe('the contract in front of a route', () => {
  test('finds in a query what the library finds, where it is not asked as well', async () => {
    let faulty = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...BODILESS), query, async ([method, route, path], sent) => {
        const asked = { method, route, path, query: sent };
        const told = await faultsIn(whole, asked);
        if (told !== undefined) faulty += 1;
        expect(await faultsIn([contract.withoutBody], asked)).toEqual(told);
      }),
      { numRuns: 3000 },
    );
    expect(faulty).toBeGreaterThan(100);
  });

  const BODIES: readonly (readonly [method: string, route: string, path: string])[] = [
    ['POST', '/Users', '/Users'],
    ['PUT', '/Users/:id', '/Users/7'],
    ['PATCH', '/Users/:id', '/Users/7'],
    ['POST', '/Groups', '/Groups'],
    ['PUT', '/Groups/:id', '/Groups/7'],
    ['PATCH', '/Groups/:id', '/Groups/7'],
    ['POST', '/Users/.search', '/Users/.search'],
    ['POST', '/Groups/.search', '/Groups/.search'],
    ['POST', '/.search', '/.search'],
    ['POST', '/Bulk', '/Bulk'],
  ];
  const search = fc.dictionary(
    fc.constantFrom('schemas', 'filter', 'count', 'startIndex', 'sortBy', 'attributes', 'cursor', 'Operations', 'failOnErrors'),
    fc.oneof(fc.constantFrom<unknown>('x', 1, 1.5, null, [], ['x'], [1], {}, true), fc.jsonValue()),
    { maxKeys: 4 },
  );
  const body = fc.oneof(
    fc.oneof(bentBody, bentPatch),
    fc.oneof(standardBody, standardPatch).map((standard) => standard.body),
    search,
    fc.jsonValue(),
  ) as fc.Arbitrary<unknown>;

  test('finds in a body what the library finds, whatever parameters its media type has', async () => {
    let faulty = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...BODIES),
        body,
        fc.constantFrom('', 'attributes=a', 'attributes=a&attributes=b'),
        fc.constantFrom('', '; charset=utf-8', '; charset=latin1', '; x=y; z="a"'),
        async ([method, route, path], stated, sent, parameters) => {
          const asked = { method, route, path, query: sent, body: stated, contentType: SCIM_MEDIA_TYPE + parameters };
          const told = await faultsIn(whole, asked);
          if (told !== undefined) faulty += 1;
          expect(await faultsIn([contract.withBody], asked)).toEqual(told);
        },
      ),
      { numRuns: 3000 },
    );
    expect(faulty).toBeGreaterThan(500);
  });

  test('leaves the request as it was', async () => {
    const asked = asRequest({
      method: 'PUT',
      route: '/Users/:id',
      path: '/Users/7',
      query: 'attributes=a',
      body: { userName: 'a' },
    });
    const before = { ...asked };
    await new Promise((resolve) => {
      contract.withBody(asked, {} as Parameters<RequestHandler>[1], resolve);
    });
    expect({ ...asked }).toEqual(before);
  });
});
