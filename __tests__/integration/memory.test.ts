import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from '@jest/globals';
import request from 'supertest';
import { nested } from '../conformance/bad-input/bad-input.js';
import { dump, type Sent, sendRaw } from '../conformance/bad-input/judge.js';
import { MEMORY_PAGE } from '../support/memory-page.js';
import { provision } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const MEBIBYTE = 1024 * 1024;
const STREAM_BYTES = 200 * MEBIBYTE;
/** After it the host has its buffers and its compiled code. */
const WARM_UP_BYTES = 60 * MEBIBYTE;
/** A leak of a third of the stream would be more. */
const MAX_GROWTH_BYTES = 64 * MEBIBYTE;

const modulePath = fileURLToPath(new URL('../support/memory-page.js', import.meta.url));
const world = withWorld({ hostOptions: { modulePath }, scimOptions: { bodyLimit: 4 * MEBIBYTE } });

const padded = (text: string, bytes = MEBIBYTE): string => text.replace('…', 'x'.repeat(bytes));
const STRANGER = { Authorization: 'Bearer stranger' };

const bad: readonly Sent[] = [
  { method: 'POST', path: '/Users', body: padded('{"userName":"…"') },
  { method: 'POST', path: '/Users', body: padded('{"userName":"…"}') },
  { method: 'POST', path: '/Users', body: padded('{"userName":5,"title":"…"}') },
  { method: 'PUT', path: '/Users/nobody', body: padded('{"userName":"x","title":"…"}', MEBIBYTE / 2) },
  { method: 'POST', path: '/Bulk', body: `[${'{},'.repeat(MEBIBYTE / 4)}{}]` },
  { method: 'POST', path: '/Bulk', body: `{"Operations":[${'0,'.repeat(MEBIBYTE / 2)}0]}` },
  { method: 'POST', path: '/Groups', body: `{"displayName":"x","members":[${'{"value":"x"},'.repeat(20_000)}{"value":5}]}` },
  { method: 'PATCH', path: '/Users/nobody', body: nested('[', ']', MEBIBYTE / 2) },
  { method: 'PATCH', path: '/Users/nobody', body: padded('{"Operations":[{"op":"…"}]}') },
  { method: 'POST', path: '/Users', body: padded('{"userName":"x","title":"…"}', 4 * MEBIBYTE) },
  { method: 'POST', path: '/Users', headers: { 'Content-Encoding': 'gzip' }, body: gzipSync(Buffer.alloc(32 * MEBIBYTE, 0x20)) },
  { method: 'POST', path: '/Users', headers: STRANGER, body: padded('{"userName":"…"}') },
  { method: 'POST', path: '/Users', headers: { 'Content-Type': 'text/plain' }, body: padded('…') },
  { method: 'POST', path: '/Nowhere', body: padded('{"userName":"…"}') },
  { method: 'POST', path: '/Users/.search', body: padded('{"filter":"userName eq \\"…\\""}', MEBIBYTE / 2) },
  { method: 'GET', path: `/Users?filter=${'('.repeat(9_000)}` },
  { method: 'GET', path: `/Users/${'x'.repeat(12_000)}` },
];

/** Bytes, behind a collection of garbage. */
const memory = async (): Promise<{ readonly rss: number; readonly heapUsed: number; readonly external: number }> => {
  const { body } = await request(world().host.url).get(MEMORY_PAGE).expect(200);
  return body;
};

const stream = async (bytes: number): Promise<number> => {
  let sent = 0;
  for (let n = 0; sent < bytes; n += 4) {
    const batch = [0, 1, 2, 3].map((k) => bad[(n + k) % bad.length]).filter((one) => one !== undefined);
    const answers = await Promise.all(
      // Who is refused before all is sent may find the connection closed.
      batch.map((one) => sendRaw(world().host, one).catch(() => undefined)),
    );
    for (const answer of answers) expect(answer?.status ?? 400).toBeGreaterThanOrEqual(400);
    for (const answer of answers) expect(answer?.status ?? 400).toBeLessThan(500);
    for (const { body, path } of batch) sent += body?.length ?? path.length;
  }
  return sent;
};

beforeAll(async () => {
  await provision(world(), 'ada@example.com');
});

test('memory stays flat while 200 MB of bad requests pass', async () => {
  const { db, scim } = world();
  const before = await dump(db);
  await stream(WARM_UP_BYTES);
  const first = await memory();
  const sent = await stream(STREAM_BYTES);
  const last = await memory();
  if (process.env.PROPERTY_FACTOR !== undefined) console.log({ sent, first, last });
  expect(sent).toBeGreaterThanOrEqual(STREAM_BYTES);
  for (const part of ['rss', 'heapUsed', 'external'] as const) {
    expect([part, Math.max(MAX_GROWTH_BYTES, last[part] - first[part])]).toEqual([part, MAX_GROWTH_BYTES]);
  }
  expect(await dump(db)).toEqual(before);
  await scim.get('/Users').expect(200);
}, 180_000);
