import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type request from 'supertest';
import { scim as clientOf, type ScimClient } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost } from '../support/host-process.js';
import { type Break, type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.js';
import { endOfLog } from '../support/provisioning.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { bulkBody, mixedBulk, prepareCrowd, WRITES, type Write } from '../support/writes.js';
import { stateOf } from '../support/written-state.js';

const BREAKS: readonly Break[] = ['before', 'after', 'amid'];
const FAR = 1_000;
const TIMEOUT_MS = 20_000;
const UNAVAILABLE = {
  schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
  status: '503',
  detail: expect.stringMatching(/database/),
};

let db: Database;
/** Between the replica and Postgres. */
let behind: PostgresProxy;
/** Between the identity provider and the replica. */
let front: TcpProxy;
let host: Host;
let scim: ScimClient;
let losesAnswer = false;
let count = 0;

/** Nobody's name is the beginning of another's. */
const freshName = (): string => {
  count += 1;
  return `case${count}x`;
};

beforeAll(async () => {
  db = await createDatabase();
  behind = await startPostgresProxy(db.connection.port);
  host = await startHost({ database: { ...db, connection: { ...db.connection, port: behind.port } } });
  const { port } = new URL(host.url);
  front = await startTcpProxy(Number(port), () => ({
    fromClient: (bytes, { server }) => server.write(bytes),
    fromServer: (bytes, line) => {
      if (losesAnswer) line.cut();
      else line.client.write(bytes);
    },
  }));
  scim = clientOf({ ...host, scimUrl: `http://127.0.0.1:${front.port}/scim` });
});

afterAll(async () => {
  await front?.stop();
  await host?.stop();
  await behind?.stop();
  await db?.drop();
});

interface Run {
  /** Undefined: none came. */
  readonly first: request.Response | undefined;
  readonly state: unknown;
  /** Of the first request, as far as SCIM came. */
  readonly statements: readonly string[];
}

interface Fault {
  arm(): void;
  /** Sends the request again, as the identity provider does, and looks at the answer. */
  repeat(send: () => request.Test): Promise<void>;
}

const run = async (write: Write, fault?: Fault): Promise<Run> => {
  const name = freshName();
  const send = await write.prepare({ scim, db }, name);
  const mark = await endOfLog(db);
  behind.arm(FAR, 'before');
  fault?.arm();
  const first = await send()
    .timeout(TIMEOUT_MS)
    .catch(() => undefined);
  losesAnswer = false;
  const statements = behind.disarm();
  await fault?.repeat(send);
  return { first, state: await stateOf(db, name, mark), statements };
};

/** The first and the last statement break in every way; in between Postgres undoes everything in any case. */
const breaksOf = (statements: number): readonly { readonly nth: number; readonly where: Break }[] =>
  Array.from({ length: statements }, (_none, index) => index + 1).flatMap((nth) =>
    (nth === 1 || nth === statements ? BREAKS : BREAKS.slice(1, 2)).map((where) => ({ nth, where })),
  );

describe.each(WRITES)('$kind', (write) => {
  const [first, again] = write.statuses;

  test('whatever statement the connection to Postgres breaks at, it is 503 at once, and the repetition leads to where one clean run leads', async () => {
    const clean = await run(write);
    expect(clean.first?.status).toBe(first);
    expect(clean.statements.length).toBeGreaterThan(0);
    for (const { nth, where } of breaksOf(clean.statements.length)) {
      const at = `${where} statement ${nth}: ${clean.statements[nth - 1]?.slice(0, 80)}`;
      const broken = await run(write, {
        arm: () => behind.arm(nth, where),
        repeat: async (send) => {
          const { status, body } = await send();
          expect([at, [first, again]]).toEqual([at, expect.arrayContaining([status])]);
          if (status === 409) expect([at, body.scimType]).toEqual([at, 'uniqueness']);
        },
      });
      expect([at, broken.first?.body]).toEqual([at, UNAVAILABLE]);
      expect(broken.first?.status).toBe(503);
      expect(Number(broken.first?.headers['retry-after'])).toBeGreaterThan(0);
      expect([at, broken.state]).toEqual([at, clean.state]);
    }
  });

  test('the answer never reaches the identity provider, whose repetition finds it done', async () => {
    const clean = await run(write);
    const deaf = await run(write, {
      arm: () => {
        losesAnswer = true;
      },
      repeat: async (send) => {
        const { status, body } = await send();
        expect([status, body.scimType]).toEqual([again, again === 409 ? 'uniqueness' : undefined]);
      },
    });
    expect(deaf.first).toBeUndefined();
    expect(deaf.state).toEqual(clean.state);
  });
});

interface BulkAnswer {
  readonly bulkId?: string;
  readonly location?: string;
  readonly status: string;
  readonly response?: { readonly scimType?: string };
}

const idOf = async (path: string, filter: string): Promise<string> => {
  const { body } = await scim.get(`${path}?filter=${encodeURIComponent(filter)}`).expect(200);
  expect(body.totalResults).toBe(1);
  return body.Resources[0].id;
};

type BulkOperations = ReturnType<typeof mixedBulk>;

/** Sends all, then what failed, until nothing has: who is there already is searched for, and called by the id from then on. */
const converge = async (operations: BulkOperations, name: string): Promise<void> => {
  let text = JSON.stringify(operations);
  for (let round = 0; round < 3; round += 1) {
    const sent: BulkOperations = JSON.parse(text);
    const { body } = await scim.post('/Bulk', bulkBody(sent)).expect(200);
    const answers: readonly BulkAnswer[] = body.Operations;
    const left = sent.filter((_operation, index) => ['409', '503'].includes(answers[index]?.status ?? ''));
    const ids = new Map<string, string>();
    for (const { bulkId, location, response } of answers.filter((answer) => answer.bulkId !== undefined)) {
      const isGroup = bulkId === 'g';
      const filter = isGroup ? `displayName eq "${name} bulk"` : `userName eq "${name}-${bulkId}"`;
      const id =
        response?.scimType === 'uniqueness' ? await idOf(isGroup ? '/Groups' : '/Users', filter) : location?.split('/').at(-1);
      if (id !== undefined) ids.set(bulkId ?? '', id);
    }
    const open = left.filter(({ bulkId }) => !ids.has(bulkId ?? ''));
    if (open.length === 0) return;
    text = JSON.stringify(open);
    for (const [bulkId, id] of ids) text = text.replaceAll(`bulkId:${bulkId}"`, `${id}"`);
  }
  throw new Error('the bulk request did not come to an end');
};

describe('a bulk request', () => {
  const scene: { operations: BulkOperations; name: string } = { operations: [], name: '' };
  const bulk: Write = {
    kind: 'bulk',
    statuses: [200, 200],
    prepare: async (world, name) => {
      scene.name = name;
      scene.operations = mixedBulk(await prepareCrowd(world, name), name);
      return () => scim.post('/Bulk', bulkBody(scene.operations));
    },
  };

  test('whatever statement the connection breaks at, tells what is left; what 409 says is there is found, and the rest sent again', async () => {
    const clean = await run(bulk);
    expect(clean.first?.body.Operations.map(({ status }: BulkAnswer) => Number(status) < 300)).toEqual(Array(8).fill(true));
    for (const [index, statement] of clean.statements.entries()) {
      const where = BREAKS[index % BREAKS.length] ?? 'after';
      const at = `${where} statement ${index + 1}: ${statement.slice(0, 80)}`;
      const broken = await run(bulk, {
        arm: () => behind.arm(index + 1, where),
        repeat: () => converge(scene.operations, scene.name),
      });
      const answers: readonly BulkAnswer[] | undefined = broken.first?.body.Operations;
      expect([at, broken.first?.status]).toEqual([at, answers === undefined ? 503 : 200]);
      const statuses = answers?.map(({ status }) => status) ?? [];
      // Who could not be created together with others is tried alone.
      expect([at, statuses.filter((status) => status === '503').length <= 1, statuses.includes('500')]).toEqual([
        at,
        true,
        false,
      ]);
      expect([at, broken.state]).toEqual([at, clean.state]);
    }
  });

  test('the answer never reaches the identity provider, whose repetition finds it done', async () => {
    const clean = await run(bulk);
    const deaf = await run(bulk, {
      arm: () => {
        losesAnswer = true;
      },
      repeat: () => converge(scene.operations, scene.name),
    });
    expect(deaf.first).toBeUndefined();
    expect(deaf.state).toEqual(clean.state);
  });
});
