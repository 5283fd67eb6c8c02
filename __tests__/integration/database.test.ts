import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { sql, statement } from '../../lib/sql/sql.js';
import { AccessEnded, Database as ScimDatabase, sqlFunction } from '../../lib/stores/database.js';
import { createDatabase, type Database } from '../support/database.js';

const NO_ACCESS = { tokenNumber: 1, writes: false };

let db: Database;
let pool: pg.Pool;

beforeAll(async () => {
  db = await createDatabase();
  pool = new pg.Pool({ ...db.connection, max: 1 });
});

afterAll(async () => {
  await pool.end();
  await db.drop();
});

const databaseOn = (prepared: boolean): ScimDatabase => {
  const client = {
    acquireConnection: () => pool.connect(),
    releaseConnection: (connection: unknown) => (connection as pg.PoolClient).release(),
  };
  return new ScimDatabase({ client }, { prepared });
};

const preparedTexts = async (like: string): Promise<readonly string[]> => {
  const { rows } = await pool.query<{ name: string }>(
    'SELECT name FROM pg_prepared_statements WHERE statement LIKE $1 ORDER BY 1',
    [like],
  );
  return rows.map(({ name }) => name);
};

describe('a function of ours', () => {
  const pair = sqlFunction('scim_test_pair', 2);

  beforeAll(async () => {
    await db.query(
      `CREATE FUNCTION scim_test_pair(a text, b integer[]) RETURNS TABLE (first text, second integer) LANGUAGE sql
       AS 'SELECT a, unnest(b)'`,
    );
  });

  test('is called by its name, which Postgres keeps, unless a pooler stands between', async () => {
    const rows = [
      { first: 'x', second: 1 },
      { first: 'x', second: 2 },
    ];
    expect(await databaseOn(false).call(pair, ['x', [1, 2]])).toEqual(rows);
    expect(await preparedTexts('%scim_test_pair%')).toEqual([]);
    expect(await databaseOn(true).call(pair, ['x', [1, 2]])).toEqual(rows);
    expect(await preparedTexts('%scim_test_pair%')).toEqual(['scim_test_pair']);
  });

  test('is not called with too few values', async () => {
    await expect(databaseOn(true).call(pair, ['x'])).rejects.toThrow(/scim_test_pair takes 2 values, not 1/);
  });

  test('says by SC001 that the door was closed', async () => {
    await db.query(`CREATE FUNCTION scim_test_closed() RETURNS boolean LANGUAGE sql AS 'SELECT scim_admits(1, true)'`);
    await expect(databaseOn(true).call(sqlFunction('scim_test_closed', 0), [])).rejects.toThrow(AccessEnded);
  });

  test('that an upgrade changed costs a connection one request', async () => {
    const database = databaseOn(true);
    await database.call(pair, ['x', [1]]);
    await db.query('DROP FUNCTION scim_test_pair(text, integer[])');
    await db.query(
      `CREATE FUNCTION scim_test_pair(a text, b integer[]) RETURNS TABLE (first text, second integer, third boolean) LANGUAGE sql
       AS 'SELECT a, unnest(b), true'`,
    );
    await expect(database.call(pair, ['x', [1]])).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await database.call(pair, ['x', [1]])).toEqual([{ first: 'x', second: 1, third: true }]);
  });
});

describe('a statement whose text is made once', () => {
  const inner = sql`${7}::integer`;
  const sum = statement<[a: number, b: number]>(
    (a, b) => sql`SELECT ${b}::integer - ${a}::integer + ${inner} + ${a}::integer AS sum`,
  );

  test('takes its values at each call, and is prepared once', async () => {
    const database = databaseOn(true);
    for (const [a, b] of [
      [1, 10],
      [2, 20],
    ] as const) {
      expect(await database.query(sum(a, b))).toEqual([{ sum: b + 7 }]);
    }
    expect(await preparedTexts('%::integer AS sum%')).toHaveLength(1);
    expect(await databaseOn(false).query(sum(3, 30))).toEqual([{ sum: 37 }]);
  });

  test('proves access where it has to', async () => {
    await expect(databaseOn(true).query(sum(1, 10), NO_ACCESS)).rejects.toThrow(AccessEnded);
    await db.query(`INSERT INTO scim_token (number, hash, created_by) VALUES (1, '', 'test')`);
    await db.query(`INSERT INTO settings (name, content) VALUES ('scim', '{"enabled": true}')`);
    expect(await databaseOn(true).query(sum(1, 10), NO_ACCESS)).toMatchObject([{ sum: 17 }]);
    expect(
      await databaseOn(true)
        .query(sum(1, 10), { ...NO_ACCESS, tokenNumber: 2 })
        .catch((error) => error.name),
    ).toBe('AccessEnded');
  });
});

test('a transaction tells the triggers of the host that its writes are ours, and nothing outlives it', async () => {
  const database = databaseOn(true);
  const writer = sql`SELECT current_setting('scim.writer', true) AS writer`;
  expect(await database.transaction((transaction) => transaction.query(writer))).toEqual([{ writer: 'on' }]);
  expect(await database.query(writer)).not.toEqual([{ writer: 'on' }]);
});
