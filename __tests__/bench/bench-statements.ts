import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { toState } from '../../lib/services/person-mapping.js';
import { Database } from '../../lib/stores/database.js';
import { GroupCalls } from '../../lib/stores/group-calls.js';
import { PersonCalls } from '../../lib/stores/person-calls.js';
import { PersonStore } from '../../lib/stores/person-store.js';
import { createDatabase, type Database as TestDatabase } from '../support/database.js';
import { startTestServer } from '../support/test-postgres.js';
import { commandText, readCommandLine } from './command-line.js';
import { GROUP_STATEMENTS } from './floor-groups.js';
import { PERSON_STATEMENTS } from './floor-people.js';
import { FLOOR_SCHEMA } from './floor-schema.js';
import { HOST_STATEMENTS } from './host-rows.js';
import { describeMachine } from './machine.js';
import { STATEMENTS_FILE, writePage } from './performance-page.js';
import { cpuMs } from './process-meter.js';
import { progress, secondsSoFar } from './progress.js';
import { runMain } from './run-main.js';
import { profile, profileTable } from './statement-profile.js';
import { type StatementResult, statementsTable, writeStatements } from './statement-result.js';
import { median, rounded } from './statistics.js';

/** People of each contestant: as many are suspended as are not, so that nobody is suspended twice. */
const PEOPLE = 4_000;
const AUDIT = { createdBy: 'SCIM token #1', createdByUserId: -1, ip: '127.0.0.1' };
const ACCESS = { tokenNumber: 1, writes: true };
const SESSION = `SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET scim.writer = 'on'`;

const OPERATIONS = ['get', 'create', 'PUT with a change', 'add one member', 'remove one member', 'PATCH active false'] as const;
type Operation = (typeof OPERATIONS)[number];
type Contestant = Readonly<Record<Operation, (person: number, edition: number) => Promise<unknown>>> & {
  /** The group that people enter and leave. */
  createGroup(): Promise<unknown>;
};

const nameOf = (person: number, edition: number): string => `Person ${person} edition ${edition}`;

/** What needs a row for each person, and finds them again by the id that a create gave. */
const idsOf = (): ((person: number) => string) => {
  const ids: string[] = [];
  return (person) => {
    ids[person] ??= randomUUID();
    return ids[person];
  };
};

const floorOn = (client: pg.Client): Contestant => {
  const [idOf, group] = [idsOf(), randomUUID()];
  const run = (name: string, text: string, values: unknown[]) => client.query({ name: `floor ${name}`, text, values });
  const values = (person: number, edition: number) => {
    const email = `floor-${person}@example.com`;
    return [idOf(person), `floor-${person}`, email, email, nameOf(person, edition), true];
  };
  return {
    get: (person) => run('get', PERSON_STATEMENTS.get, [idOf(person)]),
    create: (person, edition) => run('create', PERSON_STATEMENTS.create, values(person, edition)),
    'PUT with a change': (person, edition) => run('replace', PERSON_STATEMENTS.replace, values(person, edition)),
    'PATCH active false': (person) => run('active', PERSON_STATEMENTS.setActive, [idOf(person), false]),
    createGroup: () => run('create group', GROUP_STATEMENTS.create, [group, [], null, 'Floor']),
    'add one member': (person) => run('add', GROUP_STATEMENTS.add, [group, [idOf(person)]]),
    'remove one member': (person) => run('remove', GROUP_STATEMENTS.remove, [group, [idOf(person)]]),
  };
};

const hostRowsOn = (client: pg.Client): Contestant => {
  const [idOf, group] = [idsOf(), randomUUID()];
  const run = (name: string, text: string, values: unknown[]) => client.query({ name: `host ${name}`, text, values });
  const values = (person: number, edition: number) => [
    idOf(person),
    `host-${person}`,
    `host-${person}@example.com`,
    `host-${person}@example.com`,
    nameOf(person, edition),
  ];
  return {
    get: (person) => run('get', HOST_STATEMENTS.get, [idOf(person)]),
    create: (person, edition) => run('create', HOST_STATEMENTS.create, values(person, edition)),
    'PUT with a change': (person, edition) => run('replace', HOST_STATEMENTS.replace, values(person, edition)),
    'PATCH active false': (person) => run('suspend', HOST_STATEMENTS.suspend, [idOf(person)]),
    createGroup: () => run('create group', HOST_STATEMENTS.createGroup, [group, null, 'Host']),
    'add one member': (person) => run('add', HOST_STATEMENTS.add, [group, [idOf(person)]]),
    'remove one member': (person) => run('remove', HOST_STATEMENTS.remove, [group, [idOf(person)]]),
  };
};

/** The statements of the plugin, by its own store classes. */
const scimOn = (client: pg.Client): Contestant => {
  const database = new Database(
    { client: { acquireConnection: async () => client, releaseConnection: () => undefined } },
    { prepared: true },
  );
  const [people, calls, idOf] = [new PersonStore(database), new PersonCalls(database), idsOf()];
  const [groups, group] = [new GroupCalls(database), randomUUID()];
  const caller = { versions: undefined, access: ACCESS, audit: AUDIT };
  const move = async (change: { readonly add: readonly string[]; readonly remove: readonly string[] }): Promise<void> => {
    if (!(await groups.changeMembers(group, change, caller))) throw new Error('a member was to be moved, and is not');
  };
  const stateOf = (person: number, edition: number) =>
    toState({
      userName: `scim-${person}@example.com`,
      externalId: `scim-${person}`,
      displayName: nameOf(person, edition),
      name: { givenName: 'Person', familyName: String(person) },
      emails: [{ value: `scim-${person}@example.com`, type: 'work', primary: true }],
    });
  const changed = async (outcome: Promise<{ readonly outcome: string }>): Promise<void> => {
    const told = await outcome;
    if (told.outcome !== 'changed') throw new Error(`a person was to change, and is ${told.outcome}`);
  };
  return {
    get: (person) => people.read(idOf(person), 'reference', ACCESS),
    create: (person, edition) => calls.create(idOf(person), stateOf(person, edition), 'Viewer', ACCESS, AUDIT),
    'PUT with a change': (person, edition) =>
      changed(calls.change(idOf(person), stateOf(person, edition), { active: true, versions: undefined }, ACCESS, AUDIT)),
    'PATCH active false': (person) => changed(calls.suspend(idOf(person), undefined, ACCESS, AUDIT)),
    createGroup: () => groups.create(group, { displayName: 'Ours', externalId: null }, [], 'reference', caller),
    'add one member': (person) => move({ add: [idOf(person)], remove: [] }),
    'remove one member': (person) => move({ add: [], remove: [idOf(person)] }),
  };
};

const prepare = async (database: TestDatabase): Promise<pg.Client> => {
  await database.query(FLOOR_SCHEMA);
  await database.query(`INSERT INTO scim_token (number, hash, created_by) VALUES (1, '', 'bench')
    ON CONFLICT (singleton) DO UPDATE SET number = 1`);
  await database.query(`INSERT INTO settings (name, content) VALUES ('scim', '{"enabled": true}')
    ON CONFLICT (name) DO UPDATE SET content = excluded.content`);
  const client = new pg.Client(database.connection);
  await client.connect();
  await client.query(SESSION);
  return client;
};

/** CPU of the backend, in microseconds for one call; the median of all turns. */
const measure = async (client: pg.Client, turns: number, calls: number): Promise<Pick<StatementResult, 'rows' | 'profile'>> => {
  const [backend] = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows;
  const contestants = { floor: floorOn(client), host: hostRowsOn(client), scim: scimOn(client) };
  const names = ['floor', 'host', 'scim'] as const;
  for (let person = 0; person < PEOPLE; person += 1) {
    for (const name of names) await contestants[name].create(person, 0);
  }
  for (const name of names) await contestants[name].createGroup();
  await client.query('VACUUM ANALYZE');
  const ranges: Readonly<Record<Operation, (turn: number) => number>> = {
    get: (turn) => turn * calls,
    create: (turn) => PEOPLE + turn * calls,
    'PUT with a change': () => PEOPLE / 2,
    'add one member': () => PEOPLE / 2,
    'remove one member': () => PEOPLE / 2,
    'PATCH active false': (turn) => turn * calls,
  };
  const spent = new Map<string, number[]>();
  for (let turn = 0; turn < turns; turn += 1) {
    progress(`turn ${turn + 1} of ${turns}`);
    for (const operation of OPERATIONS) {
      for (const name of turn % 2 === 0 ? names : [...names].reverse()) {
        const first = ranges[operation](turn);
        const before = cpuMs(backend?.pid ?? 0);
        for (let call = 0; call < calls; call += 1) await contestants[name][operation](first + call, turn + 1);
        const key = `${operation} ${name}`;
        spent.set(key, [...(spent.get(key) ?? []), ((cpuMs(backend?.pid ?? 0) - before) * 1000) / calls]);
      }
    }
  }
  const of = (operation: Operation, name: string): number | null => rounded(median(spent.get(`${operation} ${name}`) ?? []));
  const inside = async (operation: Operation): Promise<void> => {
    for (let call = 0; call < calls; call += 1) {
      await contestants.scim[operation](ranges[operation](turns) + call, turns + 1);
    }
  };
  return {
    rows: OPERATIONS.map((operation) => ({
      name: operation,
      floor: of(operation, 'floor'),
      host: of(operation, 'host'),
      scim: of(operation, 'scim'),
    })),
    profile: await profile(
      client,
      Object.fromEntries(OPERATIONS.filter((name) => name !== 'get').map((name) => [name, () => inside(name)])),
      calls,
    ),
  };
};

await runMain(async () => {
  const { numbers, flags } = readCommandLine({ turns: 9, calls: 200 }, ['docs']);
  const server = await startTestServer({ shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.track': 'none' });
  try {
    const database = await createDatabase();
    const client = await prepare(database);
    // The last turn is the profile's.
    const measured = await measure(client, numbers.turns, Math.min(numbers.calls, PEOPLE / 2 / (numbers.turns + 1)));
    const version = (await client.query<{ server_version: string }>('SHOW server_version')).rows[0]?.server_version ?? '';
    await client.end();
    await database.drop();
    const result: StatementResult = {
      when: new Date().toISOString(),
      machine: describeMachine(version),
      command: commandText('bench:statements'),
      seconds: Math.round(secondsSoFar()),
      ...measured,
    };
    console.log(`${statementsTable(result.rows)}\n\n${profileTable(result.profile)}`);
    if (flags.has('docs')) {
      writeStatements(STATEMENTS_FILE, result);
      writePage();
    }
    return true;
  } finally {
    await server.stop();
  }
});
