import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express, { type ErrorRequestHandler, type NextFunction, type Request, type Response } from 'express';
import { readBody } from '../../lib/http/body.js';
import { ScimError } from '../../lib/protocol/errors.js';

const LIMIT = 1_000;
const PATIENCE = { lookMs: 500, looks: 3 };

const told: { error: unknown }[] = [];

const tell: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
  told.push({ error });
  const { kind, detail } = error instanceof ScimError ? error : { kind: 'foreign', detail: undefined };
  const status = kind === 'foreign' && error instanceof Error && 'status' in error ? error.status : undefined;
  response.status(400).json({ kind, detail, status });
};

const app = express()
  .disable('x-powered-by')
  .post('/', readBody(LIMIT, PATIENCE), (request, response) => {
    response.json({ body: request.body });
  })
  .use(tell);

const server = createServer(app);

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const port = (): number => (server.address() as AddressInfo).port;

const exchange = async (bytes: Buffer): Promise<string> => {
  const socket = connect(port(), '127.0.0.1');
  socket.write(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};

const head = (...headers: readonly string[]): Buffer =>
  Buffer.from(['POST / HTTP/1.1', 'Host: x', 'Connection: close', ...headers, '', ''].join('\r\n'));

const SCIM = 'Content-Type: application/scim+json';

/** With its length, and in chunks. */
const bothWays = async (body: Buffer): Promise<readonly [plain: string, other: string]> => {
  const size = Buffer.from(`${body.length.toString(16)}\r\n`);
  const chunked = body.length === 0 ? Buffer.from('0\r\n\r\n') : Buffer.concat([size, body, Buffer.from('\r\n0\r\n\r\n')]);
  const answers = await Promise.all([
    exchange(Buffer.concat([head(SCIM, `Content-Length: ${body.length}`), body])),
    exchange(Buffer.concat([head(SCIM, 'Transfer-Encoding: chunked'), chunked])),
  ]);
  const [plain, other] = answers.map((answer) => answer.replace(/^Date: .*\r\n/m, ''));
  return [plain ?? '', other ?? ''];
};

const long = (bytes: number): Buffer => Buffer.from(`"${'x'.repeat(bytes - 2)}"`);

describe('a body', () => {
  test.each<readonly [string, Buffer]>([
    ['an object', Buffer.from('{"a":1}')],
    ['letters of every width', Buffer.from('{"a":"aäあ😀"}')],
    ['a byte order mark', Buffer.from('\uFEFF{"a":1}')],
    ['two byte order marks', Buffer.from('\uFEFF\uFEFF{"a":1}')],
    ['three byte order marks', Buffer.from('\uFEFF\uFEFF\uFEFF{"a":1}')],
    ['nothing', Buffer.alloc(0)],
    ['white space', Buffer.from(' \r\n')],
    ['no JSON', Buffer.from('{"a":')],
    ['half of a letter', Buffer.from([0x22, 0xc3, 0x22])],
    ['a letter of Latin-1', Buffer.from('"ü"', 'latin1')],
    ['UTF-16', Buffer.from('\uFEFF"a"', 'utf16le')],
    ['33 levels', Buffer.from('['.repeat(33) + ']'.repeat(33))],
    ['as many bytes as may be', long(LIMIT)],
    ['one byte more', long(LIMIT + 1)],
  ])('is read alike with its length and in chunks: %s', async (_name, body) => {
    const [plain, other] = await bothWays(body);
    expect(plain).toMatch(/^HTTP\/1\.1 (200|400)/);
    expect(plain).toBe(other);
  });

  test.each<readonly [string, string, boolean]>([
    ['32 levels', `${'['.repeat(32)}${']'.repeat(32)}`, true],
    ['33 levels of both kinds', `${'{"a":['.repeat(16)}{}${']}'.repeat(16)}`, false],
    ['33 levels that are not closed', '['.repeat(33), false],
    ['brackets in a string', JSON.stringify('['.repeat(50)), true],
    ['brackets behind an escaped quotation mark', JSON.stringify(`"${'{'.repeat(50)}\\"[[`), true],
    ['brackets behind a string that ends in backslashes', `["\\\\","\\\\\\"",${'['.repeat(32)}`, false],
    ['levels one after the other', `[${Array(50).fill('[[]]').join(',')}]`, true],
  ])('of %s is read or refused by its depth', async (_name, text, fits) => {
    const [plain] = await bothWays(Buffer.from(text));
    expect(/nested deeper/.test(plain)).toBe(!fits);
    if (fits) expect(plain).toContain(JSON.stringify({ body: JSON.parse(text) as unknown }));
  });

  test('in many pieces is one', async () => {
    const text = JSON.stringify({ a: 'äöü😀'.repeat(20) });
    const bytes = Buffer.from(text);
    const socket = connect(port(), '127.0.0.1');
    socket.setNoDelay(true);
    socket.write(head(SCIM, `Content-Length: ${bytes.length}`));
    for (let at = 0; at < bytes.length; at += 7) {
      socket.write(bytes.subarray(at, at + 7));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toContain(text);
  });

  test('that was compressed is read, and one that becomes too large is not', async () => {
    const send = (body: Buffer) =>
      exchange(Buffer.concat([head(SCIM, 'Content-Encoding: gzip', `Content-Length: ${body.length}`), body]));
    expect(await send(gzipSync('{"a":1}'))).toContain('{"body":{"a":1}}');
    expect(await send(gzipSync(long(LIMIT + 1)))).toContain('"kind":"payloadTooLarge"');
    expect(await send(Buffer.from('no gzip'))).toContain('"kind":"invalidSyntax"');
  });

  test.each<readonly [string, string, Buffer, string]>([
    ['UTF-16', 'utf-16le', Buffer.from('{"a":"ä"}', 'utf16le'), '{"body":{"a":"ä"}}'],
    ['Latin-1', '"ISO-8859-1"', Buffer.from('{"a":"ä"}', 'latin1'), '{"body":{"a":"ä"}}'],
    ['half a letter of UTF-16', 'utf-16le', Buffer.from([0x22]), '"kind":"invalidSyntax"'],
    ['a charset that nobody knows', 'klingon', Buffer.from('{}'), '"kind":"unsupportedMediaType"'],
    ['a charset without a name', '', Buffer.from('{}'), '"kind":"unsupportedMediaType"'],
  ])('in %s is read by what its media type says', async (_name, charset, body, expected) => {
    const answer = await exchange(Buffer.concat([head(`${SCIM};charset=${charset}`, `Content-Length: ${body.length}`), body]));
    expect(answer).toContain(expected);
  });

  test.each([
    ['says so', head(SCIM, `Content-Length: ${LIMIT + 1}`)],
    ['shows it', Buffer.concat([head(SCIM, 'Transfer-Encoding: chunked'), Buffer.from('fffff\r\n'), long(LIMIT + 1)])],
    [
      'shows it, compressed',
      Buffer.concat([
        head(SCIM, 'Content-Encoding: gzip', 'Transfer-Encoding: chunked'),
        Buffer.from('fffff\r\n'),
        long(LIMIT + 1),
      ]),
    ],
  ])('that is too large is refused as soon as it %s, not at its end', async (_name, bytes) => {
    expect(await exchange(bytes)).toContain('"kind":"payloadTooLarge"');
  });

  test('that somebody has read already is none, and nobody waits for it', async () => {
    const early = express().use(express.json({ type: () => true }), readBody(LIMIT), tell);
    const other = createServer(early);
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const answer = await fetch(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/scim+json' },
      body: '{"a":1}',
    });
    other.closeAllConnections();
    other.close();
    expect(await answer.json()).toMatchObject({ kind: 'invalidSyntax' });
  });

  test.each([
    ['of which nothing comes', head(SCIM, 'Content-Length: 500'), 0],
    ['that stops', Buffer.concat([head(SCIM, 'Content-Length: 500'), Buffer.from('{"a"')]), 0],
    ['that comes byte by byte', head(SCIM, 'Content-Length: 500'), 50],
    ['that comes byte by byte in chunks', Buffer.concat([head(SCIM, 'Transfer-Encoding: chunked'), Buffer.from('fff\r\n')]), 50],
  ])('%s is given up', async (_name, first, everyMs) => {
    const socket = connect(port(), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(first);
    const timer = everyMs > 0 ? setInterval(() => socket.write(' '), everyMs) : undefined;
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    clearInterval(timer);
    expect(Buffer.concat(chunks).toString()).toContain('"kind":"requestTimeout"');
  });

  test('that comes slowly, but comes, is read', async () => {
    const socket = connect(port(), '127.0.0.1');
    socket.write(head(SCIM, 'Content-Length: 7'));
    for (const letter of '{"a":1}') {
      socket.write(letter);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toContain('{"body":{"a":1}}');
  });

  test('of a request that is gone before it is read is a fault of the request', async () => {
    told.length = 0;
    const late = express().use(
      (request: Request, _response: Response, next: NextFunction) => request.on('close', () => next()),
      readBody(LIMIT),
      tell,
    );
    const other = createServer(late);
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const socket = connect((other.address() as AddressInfo).port, '127.0.0.1');
    socket.write(head(SCIM, 'Content-Length: 500'));
    await once(other, 'request');
    socket.destroy();
    for (let waited = 0; told.length === 0 && waited < 100; waited += 1) await new Promise((resolve) => setTimeout(resolve, 20));
    other.close();
    expect(told.map(({ error }) => error instanceof ScimError && error.kind)).toEqual(['invalidSyntax']);
  });

  test('that breaks off is a fault, told once', async () => {
    told.length = 0;
    const socket = connect(port(), '127.0.0.1');
    socket.write(Buffer.concat([head(SCIM, 'Content-Length: 500'), Buffer.from('{"a":')]));
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    for (let waited = 0; told.length === 0 && waited < 100; waited += 1) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(told.map(({ error }) => error instanceof ScimError && error.kind)).toEqual(['invalidSyntax']);
  });
});
