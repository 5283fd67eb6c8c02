import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ReplayFailure, runReplay } from '../conformance/replay.js';
import { readReplay } from '../conformance/replay-format.js';

describe('playing', () => {
  interface Seen {
    readonly line: string;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
  }
  type Answer = readonly [status: number, body?: string, headers?: Record<string, string>];

  let server: Server;
  let baseUrl = '';
  let seen: Seen[] = [];
  let answer: (request: Seen) => Answer = () => [200, '{}'];

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
    const record = { line: `${request.method} ${request.url}`, headers: request.headers, body };
    seen.push(record);
    const [status, text, headers] = answer(record);
    response.writeHead(status, { 'Content-Type': 'application/scim+json', ...headers }).end(text);
  };

  beforeAll(async () => {
    server = createServer((request, response) => void handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the stand-in has no port');
    baseUrl = `http://127.0.0.1:${address.port}/scim/`;
  });

  afterAll(() => new Promise((resolve) => server.close(resolve)));

  beforeEach(() => {
    seen = [];
    answer = () => [200, '{}'];
  });

  const play = (steps: readonly object[], rest: object = {}): Promise<readonly ReplayFailure[]> => {
    const whole = { name: 'n', sentBy: 's', source: 'o', ...rest, steps: steps.map((step) => ({ title: 't', ...step })) };
    return runReplay(readReplay(JSON.stringify(whole)), { baseUrl, token: 'secret' });
  };
  const get = { method: 'GET', path: '/Users/1' };

  test('a right answer passes and its values go on to the next step', async () => {
    answer = ({ line }) => (line.startsWith('POST') ? [201, '{"id":"7","active":true}', { Location: '/Users/7' }] : [204]);
    const failures = await play([
      {
        method: 'POST',
        path: '/Users',
        body: { userName: 'a' },
        expect: { status: [201], headers: { location: { $match: '/Users/7$' } }, body: { id: { $capture: 'id' }, active: true } },
      },
      { method: 'DELETE', path: '/Users/{{id}}', expect: { status: [204], body: { never: 'looked at' } } },
    ]);
    expect(failures).toEqual([]);
    expect(seen.map(({ line }) => line)).toEqual(['POST /scim/Users', 'DELETE /scim/Users/7']);
  });

  test.each([
    ['status', [500, '{"active":false}'], 'status 200 or 204 expected, but it is 500: {"active":false}'],
    ['body', [200, '{"active":"False"}'], 'body.active: false expected, but it is "False"'],
    ['empty body', [200, ''], 'body: JSON expected, but it is ""'],
    ['page in place of JSON', [200, '<html>'], 'body: JSON expected, but it is "<html>"'],
    [
      'header',
      [200, '{"active":false}', { 'Content-Type': 'text/html' }],
      'header Content-Type: a match of "scim" expected, but it is "text/html"',
    ],
  ] as const)('a wrong %s fails', async (_, wrong, reason) => {
    answer = () => wrong;
    const expectation = { status: [200, 204], headers: { 'Content-Type': { $match: 'scim' } }, body: { active: false } };
    expect(await play([{ ...get, title: 'suspend', expect: expectation }])).toEqual([{ step: 'suspend', reason }]);
  });

  test('steps go on after a failure; one whose variable was never captured fails, its clean-up is left out', async () => {
    answer = () => [409, '{}'];
    const failures = await play([
      { ...get, title: 'create', expect: { status: [201], body: { id: { $capture: 'id' } } } },
      { ...get, title: 'read', path: '/Users/{{id}}', expect: { status: [200] } },
      { ...get, title: 'other', expect: { status: [409] } },
      { ...get, title: 'clean-up', always: true, path: '/Users/{{id}}', expect: { status: [204] } },
    ]);
    expect(failures.map(({ step }) => step)).toEqual(['create', 'read']);
    expect(failures[1]?.reason).toBe('unresolved variable id');
    expect(seen).toHaveLength(2);
  });

  test('the path, the query and a raw body go out as they stand', async () => {
    const path = '//Users/?filter=a+eq+%22b%2Bc"&&aadOptscim062020&';
    await play([{ method: 'POST', path, rawBody: '{ "a": tre {{$token}}', expect: { status: [200] } }]);
    expect(seen[0]?.line).toBe(`POST /scim${path}`);
    expect(seen[0]?.body).toBe('{ "a": tre secret');
  });

  test('headers: defaults, then the step in any case; null takes one away; token and media type are added', async () => {
    const defaults = { headers: { Accept: 'application/scim+json', 'User-Agent': 'idp' } };
    await play(
      [
        { ...get, method: 'POST', headers: { accept: '*/*', 'USER-AGENT': null }, body: {}, expect: { status: [200] } },
        {
          ...get,
          method: 'POST',
          headers: { authorization: null, 'content-type': 'application/json' },
          body: {},
          expect: { status: [200] },
        },
        {
          ...get,
          method: 'POST',
          headers: { Authorization: 'non-token', 'Content-Type': null },
          body: {},
          expect: { status: [200] },
        },
        { ...get, expect: { status: [200] } },
      ],
      { defaults },
    );
    const [first, second, third, fourth] = seen.map(({ headers }) => headers);
    expect(first).toMatchObject({
      accept: '*/*',
      authorization: 'Bearer secret',
      'content-type': 'application/scim+json',
      'content-length': '2',
    });
    expect(first).not.toHaveProperty('user-agent');
    expect(second).toMatchObject({ accept: 'application/scim+json', 'user-agent': 'idp', 'content-type': 'application/json' });
    expect(second).not.toHaveProperty('authorization');
    expect(third).toMatchObject({ authorization: 'non-token' });
    expect(third).not.toHaveProperty('content-type');
    expect(fourth).not.toHaveProperty('content-type');
  });

  test('repeat counts, collects, and clean-up reaches each element', async () => {
    let made = 0;
    answer = ({ line }) => (line.startsWith('POST') ? [201, JSON.stringify({ id: `u${made++}` })] : [204]);
    const failures = await play([
      {
        method: 'POST',
        path: '/Users',
        repeat: { times: 3, var: 'i', collect: { ids: 'id' } },
        body: { n: '{{i}}' },
        expect: { status: [201] },
      },
      {
        method: 'PATCH',
        path: '/Groups/1',
        body: { $each: 'ids', as: 'm', item: { value: '{{m}}' } },
        expect: { status: [204] },
      },
      { method: 'DELETE', path: '/Users/{{ids[i]}}', always: true, repeat: { times: 4, var: 'i' }, expect: { status: [204] } },
    ]);
    expect(failures).toEqual([]);
    expect(seen.slice(0, 3).map(({ body }) => body)).toEqual(['{"n":0}', '{"n":1}', '{"n":2}']);
    expect(seen[3]?.body).toBe('[{"value":"u0"},{"value":"u1"},{"value":"u2"}]');
    expect(seen.slice(4).map(({ line }) => line)).toEqual(['u0', 'u1', 'u2'].map((id) => `DELETE /scim/Users/${id}`));
  });

  test('a repeated step stops at its first failure and says which one it was', async () => {
    answer = ({ body }) => (body === '{"n":1}' ? [500, 'no'] : [201, '{"id":"x"}']);
    const failures = await play([
      {
        title: 'seed',
        method: 'POST',
        path: '/Users',
        repeat: { times: 5, var: 'i' },
        body: { n: '{{i}}' },
        expect: { status: [201] },
      },
    ]);
    expect(failures).toEqual([{ step: 'seed [1]', reason: 'status 201 expected, but it is 500: no' }]);
  });

  test('a server that is not there fails each step', async () => {
    const replay = readReplay(
      JSON.stringify({ name: 'n', sentBy: 's', source: 'o', steps: [{ title: 't', ...get, expect: { status: [200] } }] }),
    );
    const failures = await runReplay(replay, { baseUrl: 'http://127.0.0.1:1/scim', token: 'secret' });
    expect(failures).toEqual([{ step: 't', reason: expect.stringContaining('ECONNREFUSED') }]);
  });
});
