import { connect } from 'node:net';
import { beforeAll, expect, test } from '@jest/globals';
import { TEST_TOKEN } from '../support/host-process.js';
import { provision } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';
import { dump } from './bad-input/judge.js';

const SILENCE_MS = 400;
const BODY = '{"userName":"bad-1"}';

const world = withWorld();

beforeAll(async () => {
  await provision(world(), 'ada@example.com');
});

const head = (method: string, path: string, ...headers: readonly string[]): string =>
  [`${method} /scim${path} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${TEST_TOKEN}`, ...headers, '', ''].join('\r\n');

/** Writes bytes to the host and takes what comes back; once the host is silent, ends its own side. */
const exchange = (bytes: string): Promise<string> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(world().host.url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    let received = '';
    const finish = (): void => {
      socket.destroy();
      resolve(received);
    };
    socket.setTimeout(SILENCE_MS, () => (socket.writableEnded ? finish() : socket.end()));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    // The host may close the connection while bytes are still on their way.
    socket.on('error', finish);
    socket.on('end', finish);
    socket.on('connect', () => socket.write(bytes));
  });

const statusesIn = (received: string): readonly number[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));

const SCIM_JSON = 'Content-Type: application/scim+json';

/** What a socket may say to a host. Some of it Node answers itself, before any application sees it, or not at all. */
const lies: readonly (readonly [name: string, bytes: string])[] = [
  ['a content length that is too large', head('POST', '/Users', SCIM_JSON, 'Content-Length: 5000') + BODY],
  ['a content length of 20 MiB and no body', head('POST', '/Users', SCIM_JSON, 'Content-Length: 20971520')],
  ['a content length that is too small', head('POST', '/Users', SCIM_JSON, `Content-Length: ${BODY.length - 5}`) + BODY],
  ['a content length of zero', head('POST', '/Users', SCIM_JSON, 'Content-Length: 0') + BODY],
  ['a negative content length', head('POST', '/Users', SCIM_JSON, 'Content-Length: -1') + BODY],
  ['a content length that is a word', head('POST', '/Users', SCIM_JSON, 'Content-Length: many') + BODY],
  ['a content length beyond all numbers', head('POST', '/Users', SCIM_JSON, 'Content-Length: 99999999999999999999999') + BODY],
  ['two content lengths', head('POST', '/Users', SCIM_JSON, 'Content-Length: 5', `Content-Length: ${BODY.length}`) + BODY],
  ['a content length and chunks', head('POST', '/Users', SCIM_JSON, 'Content-Length: 4', 'Transfer-Encoding: chunked') + BODY],
  ['chunks that are none', head('POST', '/Users', SCIM_JSON, 'Transfer-Encoding: chunked') + BODY],
  ['a chunk that is cut short', `${head('POST', '/Users', SCIM_JSON, 'Transfer-Encoding: chunked')}ff\r\n${BODY}`],
  ['a chunk without a last one', `${head('POST', '/Users', SCIM_JSON, 'Transfer-Encoding: chunked')}14\r\n${BODY}\r\n`],
  ['an unknown transfer encoding', head('POST', '/Users', SCIM_JSON, 'Transfer-Encoding: rot13') + BODY],
  ['a header with a NUL character', head('DELETE', '/Users/x', 'If-Match: a\u0000b')],
  ['a header without a colon', head('GET', '/Users', 'hello')],
  ['a header of 20,000 characters', head('GET', '/Users', `X-Long: ${'x'.repeat(20_000)}`)],
  ['an address of 20,000 characters', head('GET', `/Users?filter=${'x'.repeat(20_000)}`)],
  ['an address with a raw blank', head('GET', '/Users?filter=a b c')],
  ['an address with a raw NUL character', head('GET', '/Users/\u0000')],
  ['2,000 headers', head('GET', '/Nope', ...Array.from({ length: 2_000 }, (_, n) => `X-${n}: y`))],
  ['a method that HTTP lacks', head('FROBNICATE', '/Users')],
  ['a version that HTTP lacks', head('POST', '/Users', SCIM_JSON).replace('HTTP/1.1', 'HTTP/9.9') + BODY],
  ['no HTTP at all', '\u0016\u0003\u0001 hello'],
];

test.each(lies)('gives in to no %s', async (_name, bytes) => {
  const before = await dump(world().db);
  const received = await exchange(bytes);
  expect(statusesIn(received).filter((status) => status < 400 || status >= 500)).toEqual([]);
  expect(received).not.toMatch(/\bat [^\n]+:\d+:\d+|node_modules/);
  expect(received).not.toContain(TEST_TOKEN);
  expect(await dump(world().db)).toEqual(before);
  await world().scim.get('/ServiceProviderConfig').expect(200);
});

test('answers the first of two requests in one write, and refuses the second', async () => {
  const second = head('POST', '/Users', SCIM_JSON, 'Content-Length: 1');
  const received = await exchange(`${head('GET', '/ServiceProviderConfig')}${second}{`);
  expect(statusesIn(received)).toEqual([200, 400]);
});
