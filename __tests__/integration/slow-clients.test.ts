import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { dump, faultsOfErrorBody } from '../conformance/bad-input/judge.js';
import { TEST_TOKEN } from '../support/host-process.js';
import { provision, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

/** A body of which nothing comes is given up after 15 s; an answer that nobody takes, after twice as long. */
const GIVEN_UP_WITHIN_MS = 50_000;
const DEAF_FOR_MS = 36_000;
const LONG_PEOPLE = 150;
const LIMIT = 10 * 1024 * 1024;

const world = withWorld({ scimOptions: { poolSize: 1 } });

const head = (method: string, path: string, ...headers: readonly string[]): string =>
  [`${method} /scim${path} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${TEST_TOKEN}`, ...headers, '', ''].join('\r\n');

const SCIM_JSON = 'Content-Type: application/scim+json';

interface Client {
  readonly socket: Socket;
  received(): string;
  /** Whether the server has closed the connection in time. */
  closed(): Promise<boolean>;
}

const client = async (...bytes: readonly (string | Buffer)[]): Promise<Client> => {
  const { hostname, port } = new URL(world().host.url);
  const socket = connect({ host: hostname, port: Number(port) });
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  for (const part of bytes) socket.write(part);
  return {
    socket,
    received: () => received,
    closed: async () => {
      const timeout = sleep(GIVEN_UP_WITHIN_MS, false, { ref: false });
      return socket.closed || Promise.race([once(socket, 'close').then(() => true), timeout]);
    },
  };
};

const until = async (holds: () => boolean): Promise<void> => {
  for (let waited = 0; !holds() && waited < 500; waited += 1) await sleep(20);
  expect(holds()).toBe(true);
};

const statusesIn = (received: string): readonly number[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));

/** The connections of SCIM that do something, or keep a transaction open. */
const busyConnections = () =>
  world().db.query(
    `SELECT state, query FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'unleash-scim' AND state <> 'idle'`,
  );

/** One connection, and others are served by it meanwhile. */
const expectService = async (): Promise<void> => {
  const { scim } = world();
  for (let round = 0; round < 5; round += 1) {
    expect(await busyConnections()).toEqual([]);
    await scim.get('/Users?count=1&attributes=userName').timeout(4_000).expect(200);
    await scim.post('/Users', userBody('')).timeout(4_000).expect(400);
  }
};

/** Requests of clients that are gone, or not listening, take their turn first. */
const untilServed = async (): Promise<void> => {
  for (let waited = 0; waited < 200; waited += 1) {
    const { status } = await world().scim.get('/Users?count=1&attributes=userName');
    if (status === 200 && (await busyConnections()).length === 0) return;
    await sleep(50);
  }
  throw new Error('SCIM goes on to be busy');
};

beforeAll(async () => {
  await provision(world(), 'ada@example.com');
});

/** More in all than the system keeps for a socket on either side. */
const provisionLongPeople = async (): Promise<void> => {
  for (const part of [1, 2]) {
    const Operations = Array.from({ length: LONG_PEOPLE / 2 }, (_, n) => ({
      method: 'POST',
      path: '/Users',
      bulkId: String(n),
      data: { userName: `long-${part}-${n}@example.com`, title: 'x'.repeat(60_000) },
    }));
    await world().scim.post('/Bulk', { Operations }).expect(200);
  }
};

const withoutBody = (): Promise<readonly Client[]> =>
  Promise.all([
    client(head('POST', '/Users', SCIM_JSON, 'Content-Length: 20')),
    client(head('POST', '/Users', SCIM_JSON, 'Content-Length: 20'), '{"userName":'),
    client(head('POST', '/Bulk', SCIM_JSON, 'Transfer-Encoding: chunked'), '5\r\n{"Ope'),
    client(head('PATCH', '/Users/x', SCIM_JSON, 'Content-Length: 20')),
    client(head('PUT', '/Groups/x', SCIM_JSON, 'Content-Encoding: gzip', 'Content-Length: 20')),
  ]);

const withoutReading = (): Promise<readonly Client[]> =>
  Promise.all(
    Array.from({ length: 4 }, async () => {
      const one = await client();
      one.socket.pause();
      one.socket.write(head('GET', '/Users?count=1000') + head('GET', '/Users?count=1000'));
      return one;
    }),
  );

test('clients that send no body, or take no byte of a large answer, hold no connection of the database, and are let go', async () => {
  const { db, scim } = world();
  await provisionLongPeople();
  const before = await dump(db);
  const deaf = await withoutReading();
  const dumb = await withoutBody();
  const begun = Date.now();
  await untilServed();
  const stranger = await client(head('POST', '/Users', SCIM_JSON, 'Content-Length: 20').replace(TEST_TOKEN, 'stranger'));
  await until(() => statusesIn(stranger.received()).includes(401));
  stranger.socket.destroy();
  await expectService();

  for (const { closed, received } of dumb) {
    expect(await closed()).toBe(true);
    expect(statusesIn(received())).toEqual([408]);
    expect(received()).toMatch(/\r\nConnection: close\r\n/i);
    expect(faultsOfErrorBody(JSON.parse(received().split('\r\n\r\n')[1] ?? ''), 408)).toEqual([]);
  }
  await sleep(Math.max(0, DEAF_FOR_MS - (Date.now() - begun)));
  for (const { socket, closed, received } of deaf) {
    socket.resume();
    expect(await closed()).toBe(true);
    // What was on its way ends short of the two answers.
    expect(received().length).toBeLessThan(2 * LONG_PEOPLE * 60_000);
  }
  expect(await dump(db)).toEqual(before);
  expect((await scim.get('/Users?count=1000').expect(200)).body.Resources).toHaveLength(LONG_PEOPLE + 1);
}, 120_000);

test('a body that is too large is refused while it is sent, and one that is announced before it is', async () => {
  const { scim } = world();
  const announced = await client(head('POST', '/Users', SCIM_JSON, 'Expect: 100-continue', `Content-Length: ${LIMIT + 1}`));
  await until(() => statusesIn(announced.received()).at(-1) === 413);
  announced.socket.destroy();
  const endless = await client(head('POST', '/Bulk', SCIM_JSON, 'Transfer-Encoding: chunked'));
  for (let sent = 0; sent < 20 && !statusesIn(endless.received()).includes(413); sent += 1) {
    endless.socket.write(`100000\r\n${' '.repeat(0x100000)}\r\n`);
    await sleep(20);
  }
  await until(() => statusesIn(endless.received()).includes(413));
  endless.socket.write('0\r\n\r\n');
  endless.socket.write(head('GET', '/Users?count=0', 'Connection: close'));
  expect(await endless.closed()).toBe(true);
  expect(statusesIn(endless.received())).toEqual([413, 200]);
  await scim.get('/Users?count=0').expect(200);
});

test('a client that asks first whether it may send its body may', async () => {
  const body = JSON.stringify(userBody('asked-first@example.com'));
  const asking = await client(head('POST', '/Users', SCIM_JSON, 'Expect: 100-continue', `Content-Length: ${body.length}`));
  await until(() => statusesIn(asking.received()).includes(100));
  asking.socket.write(body);
  await until(() => statusesIn(asking.received()).includes(201));
  asking.socket.destroy();
});

test('requests that stand in a row are answered in that row', async () => {
  // As many as may wait for one connection.
  const rows = 20;
  const requests = Array.from({ length: rows }, (_, n) =>
    n % 2 === 0 ? head('GET', '/Users?count=0') : `${head('POST', '/Users', SCIM_JSON, 'Content-Length: 2')}{}`,
  );
  const piped = await client(requests.join('') + head('GET', '/nowhere', 'Connection: close'));
  expect(await piped.closed()).toBe(true);
  const rowed = Array.from({ length: rows }, (_, n) => (n % 2 === 0 ? 200 : 400));
  expect(statusesIn(piped.received())).toEqual([...rowed, 404]);
});

test('clients that go away in the middle leave nothing behind', async () => {
  const { db, host } = world();
  const before = await dump(db);
  for (let round = 0; round < 10; round += 1) {
    const clients = await Promise.all([
      client(head('POST', '/Users', SCIM_JSON, 'Content-Length: 500'), '{"userName":"gone'),
      client(head('POST', '/Bulk', SCIM_JSON, 'Transfer-Encoding: chunked'), 'ffff\r\n{"Operations":['),
      client(head('POST', '/Users', SCIM_JSON, 'Content-Encoding: gzip', 'Content-Length: 500'), Buffer.from([0x1f, 0x8b])),
      client(head('GET', '/Users?count=1000')),
      client(head('GET', '/Users?filter=title%20co%20%22z%22')),
    ]);
    if (round % 2 === 0) await sleep(5);
    for (const { socket } of clients) socket.destroy();
  }
  await untilServed();
  expect(await dump(db)).toEqual(before);
  expect(host.logs()).not.toMatch(/failed|unhandled|aborted|ECONNRESET|TypeError/i);
});

const withClose = (bytes: number): string => head('POST', '/Users', SCIM_JSON, `Content-Length: ${bytes}`, 'Connection: close');

test('a client that closes with its request, and sends all of it before it reads, is answered and not reset', async () => {
  const { socket, closed, received } = await client(withClose(LIMIT + 1));
  const errors: Error[] = [];
  socket.on('error', (error) => errors.push(error));
  await until(() => statusesIn(received()).includes(413));
  for (let sent = 0; sent <= LIMIT; sent += LIMIT / 10) {
    expect(socket.readableEnded).toBe(false);
    socket.write(Buffer.alloc(Math.min(LIMIT / 10, LIMIT + 1 - sent), 'x'));
    await sleep(20);
  }
  expect(await closed()).toBe(true);
  expect(errors).toEqual([]);
  expect(faultsOfErrorBody(JSON.parse(received().split('\r\n\r\n').at(-1) ?? ''), 413)).toEqual([]);
});

test('a client that closes with its request, and never sends the rest, is let go after its answer', async () => {
  const { closed, received } = await client(withClose(LIMIT + 1), 'x');
  await until(() => statusesIn(received()).includes(413));
  expect(await closed()).toBe(true);
});
