import { describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import type request from 'supertest';
import { untilHeldUp } from '../support/held-table.js';
import { withHostClients } from '../support/host-clients.js';
import {
  endOfLog,
  freshName,
  patchBody,
  provision,
  provisionGroup,
  rolesOf,
  setActive,
  typesSince,
  userBody,
} from '../support/provisioning.js';
import { setRootRole } from '../support/roles.js';
import { withWorld } from '../support/test-world.js';
import { bulkBody } from '../support/writes.js';

const world = withWorld({ scimOptions: { poolSize: 2 } });
const SPENT = 'scim_test_spent';

const hostClient = withHostClients(() => world().db);

const expectUnavailable = ({ status, headers, body }: request.Response, detail: RegExp): void => {
  expect({ status, body }).toEqual({
    status: 503,
    body: { schemas: [expect.any(String)], status: '503', detail: expect.stringMatching(detail) },
  });
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
};

/** Ends SCIM's connections: those that come next have what was set for them meanwhile. */
const endOurs = (): Promise<unknown> =>
  world().db.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'unleash-scim' AND datname = current_database()`,
  );

/** Every event of ours fails with this state from now on; a sequence counts how often, for it is not rolled back. */
const failWith = async (state: string): Promise<void> => {
  const { db } = world();
  await db.query(`CREATE SEQUENCE ${SPENT}`);
  await db.query(`CREATE FUNCTION scim_test_fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM nextval('${SPENT}'); RAISE EXCEPTION 'secret of the table' USING ERRCODE = '${state}'; END $$`);
  await db.query('CREATE TRIGGER scim_test_fail BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION scim_test_fail()');
};

const heal = async (): Promise<number> => {
  const { db } = world();
  const [row] = await db.query<{ spent: number }>(`SELECT nextval('${SPENT}')::integer - 1 AS spent`);
  await db.query(`DROP TRIGGER scim_test_fail ON events`);
  await db.query(`DROP FUNCTION scim_test_fail`);
  await db.query(`DROP SEQUENCE ${SPENT}`);
  return row?.spent ?? 0;
};

describe('where Postgres fails in the middle of a write', () => {
  test.each([
    ['53100', 'the disk is full', /disk or memory/, 1],
    ['53200', 'there is no memory', /disk or memory/, 1],
    ['58030', 'the disk cannot be read', /disk/, 1],
    ['55P03', 'a lock takes too long', /busy with another change/, 1],
    ['25006', 'it takes no changes', /takes no changes/, 1],
    ['57014', 'it takes too long', /took too long/, 1],
    ['57P01', 'it is shut down', /cannot be reached/, 1],
    ['26000', 'a pooler mixes up statements', /preparedStatements: false/, 1],
    ['40001', 'the race is lost', /Other changes got in the way/, 6],
    ['40P01', 'there is a deadlock', /Other changes got in the way/, 6],
    ['23503', 'what is pointed to is gone', /Other changes got in the way/, 6],
  ])('%s, for %s: 503 that says so, nothing is left, and the next request succeeds', async (state, _why, detail, times) => {
    const { scim, db } = world();
    const name = freshName('failing');
    await failWith(state);
    const mark = await endOfLog(db);
    const answer = await scim.post('/Users', userBody(name));
    // An automatic repetition is for what Postgres has undone for certain.
    expect(await heal()).toBe(times);
    expectUnavailable(answer, detail);
    expect(JSON.stringify(answer.body)).not.toContain('secret of the table');
    expect(await db.query('SELECT 1 FROM users WHERE email = $1', [name])).toEqual([]);
    expect(await typesSince(db, mark)).toEqual([]);
    await scim.post('/Users', userBody(name)).expect(201);
  });
});

describe('where Postgres fails at each operation of a bulk request', () => {
  test('two in a row are tried, and the rest is told to come again without having been', async () => {
    const { scim } = world();
    const { id } = await provision(world(), freshName('failing'));
    const operations = [1, 2, 3, 4, 5].map((title) => ({
      method: 'PATCH',
      path: `/Users/${id}`,
      data: patchBody({ op: 'replace', path: 'title', value: String(title) }),
    }));
    await failWith('53100');
    const { status, body } = await scim.post('/Bulk', bulkBody(operations));
    expect(await heal()).toBe(2);
    expect([status, body.Operations.map((answer: { readonly status: string }) => answer.status)]).toEqual([
      200,
      operations.map(() => '503'),
    ]);
    await scim.post('/Bulk', bulkBody(operations)).expect(200);
    expect((await scim.get(`/Users/${id}`).expect(200)).body.title).toBe('5');
  });
});

describe('as an operator sees it', () => {
  test('a database that became read-only serves reads, tells writers, and needs no restart when it is the primary again', async () => {
    const { scim, db } = world();
    const { id } = await provision(world(), freshName('failing'));
    const set = (value: string) => db.query(`ALTER DATABASE ${db.name} SET default_transaction_read_only = ${value}`);
    await set('on');
    await endOurs();
    try {
      await scim.get(`/Users/${id}`).expect(200);
      expectUnavailable(await scim.patch(`/Users/${id}`, setActive(false)), /takes no changes/);
      expectUnavailable(await scim.delete(`/Users/${id}`), /takes no changes/);
    } finally {
      const client = await hostClient();
      await client.query('SET default_transaction_read_only = off');
      await client.query(`ALTER DATABASE ${db.name} RESET default_transaction_read_only`);
    }
    await scim.patch(`/Users/${id}`, setActive(false)).expect(200);
  });

  test('a lock that is held for too long costs the request that waits for it', async () => {
    const { scim, db } = world();
    const { id, hostId } = await provision(world(), freshName('failing'));
    await db.query(`ALTER DATABASE ${db.name} SET lock_timeout = '200ms'`);
    await endOurs();
    const client = await hostClient();
    try {
      await client.query('SET lock_timeout = 0; BEGIN');
      await client.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [hostId]);
      expectUnavailable(await scim.patch(`/Users/${id}`, setActive(false)), /busy with another change/);
    } finally {
      await client.query('ROLLBACK');
      await db.query(`ALTER DATABASE ${db.name} RESET lock_timeout`);
      await endOurs();
    }
    await scim.patch(`/Users/${id}`, setActive(false)).expect(200);
  });
});

describe('what the host deletes for good at the very moment', () => {
  /** Runs `remove` in a transaction of the host's that commits when SCIM's write waits for it. */
  const racing = async (remove: (client: pg.Client) => Promise<unknown>, send: () => request.Test): Promise<request.Response> => {
    const client = await hostClient();
    await client.query('BEGIN');
    await remove(client);
    const sent = Promise.resolve(send());
    await untilHeldUp(world().db, { of: 'unleash-scim' });
    await client.query('COMMIT');
    return sent;
  };

  test('a project in which somebody who is suspended has a role: they are suspended without it', async () => {
    const { db, scim } = world();
    const { id, hostId } = await provision(world(), freshName('failing'));
    await db.query(`INSERT INTO projects (id, name, description, created_at) VALUES ('passing', 'passing', '', now())`);
    await db.query(`INSERT INTO role_user (role_id, user_id, project) VALUES (4, $1, 'passing')`, [hostId]);
    const { status } = await racing(
      (client) => client.query(`DELETE FROM projects WHERE id = 'passing'`),
      () => scim.patch(`/Users/${id}`, setActive(false)),
    );
    expect(status).toBe(200);
    await scim.patch(`/Users/${id}`, setActive(true)).expect(200);
    expect(await rolesOf(db, hostId)).toEqual(['3:default']);
  });

  test('the role of somebody who is resumed: they come back with the default one', async () => {
    const { db, scim } = world();
    const { id, hostId } = await provision(world(), freshName('failing'));
    const [role] = await db.query<{ id: number }>(
      `INSERT INTO roles (name, description, type) VALUES ('Passing', '', 'root-custom') RETURNING id`,
    );
    await setRootRole(db, hostId, role?.id ?? 0);
    await scim.patch(`/Users/${id}`, setActive(false)).expect(200);
    const { status } = await racing(
      (client) => client.query('DELETE FROM roles WHERE id = $1', [role?.id]),
      () => scim.patch(`/Users/${id}`, setActive(true)),
    );
    expect(status).toBe(200);
    expect(await rolesOf(db, hostId)).toEqual(['3:default']);
  });

  test.each([
    ['suspended', false],
    ['resumed', true],
  ])('a group of somebody who is %s: they are, without it', async (_what, active) => {
    const { db, scim } = world();
    const person = await provision(world(), freshName('failing'));
    const group = await provisionGroup(world(), `passing ${active}`, [person]);
    if (active) await scim.patch(`/Users/${person.id}`, setActive(false)).expect(200);
    const { status, body } = await racing(
      (client) => client.query('DELETE FROM groups WHERE id = $1', [group.hostId]),
      () => scim.patch(`/Users/${person.id}`, setActive(active)),
    );
    expect([status, body.active, body.groups ?? []]).toEqual([200, active, []]);
    expect(await db.query('SELECT 1 FROM scim_parked_members WHERE user_id = $1', [person.hostId])).toEqual([]);
  });

  test('somebody who is added to a group: 400, and nothing is changed', async () => {
    const { scim } = world();
    const person = await provision(world(), freshName('failing'));
    const other = await provision(world(), freshName('failing'));
    const group = await provisionGroup(world(), 'of who is gone', []);
    const { status, body } = await racing(
      (client) => client.query('DELETE FROM users WHERE id = $1', [person.hostId]),
      () =>
        scim.patch(`/Groups/${group.id}`, {
          schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
          Operations: [{ op: 'add', path: 'members', value: [{ value: other.id }, { value: person.id }] }],
        }),
    );
    expect([status, body.scimType]).toEqual([400, 'invalidValue']);
    expect((await scim.get(`/Groups/${group.id}`).expect(200)).body.members ?? []).toEqual([]);
  });

  test.each(['patch', 'put', 'delete'] as const)('somebody who is changed by %s: 404', async (method) => {
    const { scim } = world();
    const name = freshName('failing');
    const { id, hostId } = await provision(world(), name);
    const { status } = await racing(
      (client) => client.query('DELETE FROM users WHERE id = $1', [hostId]),
      () => scim[method](`/Users/${id}`, method === 'patch' ? setActive(false) : userBody(name, { title: 'Engineer' })),
    );
    expect(status).toBe(404);
  });
});
