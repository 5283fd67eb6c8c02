import { afterEach, expect, test } from '@jest/globals';
import { scim as clientOf, type ScimClient } from '../support/clients.js';
import { type Arena, GROUPS, groupName, MOVES, PEOPLE, personName, randomFrom } from '../support/contention.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost } from '../support/host-process.js';
import { addMembers, groupBody, patchBody, setActive, userBody } from '../support/provisioning.js';

const CLIENTS = 16;
const MOVES_EACH = 25;
const CROWD = 50;
const SEED = Number(process.env.LOCK_ORDER_SEED ?? 20_260_101);
const TIMEOUT_MS = 120_000;

const open: { db?: Database; hosts: Host[] } = { hosts: [] };

const stopHosts = async (): Promise<void> => {
  await Promise.all(open.hosts.splice(0).map((host) => host.stop()));
};

afterEach(async () => {
  await stopHosts();
  await open.db?.drop();
});

const twoReplicas = async (): Promise<Database> => {
  const db = await createDatabase();
  open.db = db;
  // Whoever waits in a circle shall be found soon.
  await db.query(`ALTER DATABASE ${db.name} SET deadlock_timeout = '100ms'`);
  open.hosts.push(await startHost({ database: db, scimOptions: { poolSize: 8 } }));
  open.hosts.push(await startHost({ database: db, scimOptions: { poolSize: 8 } }));
  return db;
};

/** Postgres counts a deadlock when the connection that met with it tells so, at the latest when it ends. */
const deadlocksOf = async (db: Database): Promise<number> => {
  const [row] = await db.query<{ deadlocks: number }>(
    'SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()',
  );
  return row?.deadlocks ?? -1;
};

test(
  'two replicas write the same people and groups, in every order at once: no deadlock, and nobody is told to come again',
  async () => {
    const db = await twoReplicas();
    const clients = open.hosts.map((host) => clientOf(host));
    const [first] = clients;
    if (first === undefined) throw new Error('two replicas');
    const arena: Arena = { people: [], groups: [] };
    for (let place = 0; place < PEOPLE; place += 1) {
      arena.people.push((await first.post('/Users', userBody(personName(place))).expect(201)).body.id);
    }
    for (let place = 0; place < GROUPS; place += 1) {
      arena.groups.push((await first.post('/Groups', groupBody(groupName(place), arena.people)).expect(201)).body.id);
    }
    const moves = Object.entries(MOVES);
    const told = new Map<string, number>();
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_none, client) => {
        const random = randomFrom(SEED + client);
        const scim = clients[client % clients.length] ?? first;
        for (let turn = 0; turn < MOVES_EACH; turn += 1) {
          const [name, move] = moves[random(moves.length)] ?? [];
          const answer = await move?.({ scim, arena, random });
          const key = `${answer?.status} ${name}`;
          told.set(key, (told.get(key) ?? 0) + 1);
        }
      }),
    );
    const log = open.hosts
      .map((host) => host.logs())
      .join('')
      .trim();
    await stopHosts();
    expect({ deadlocks: await deadlocksOf(db), log }).toEqual({ deadlocks: 0, log: '' });
    expect([...told.keys()].filter((key) => key.startsWith('5'))).toEqual([]);
    // The orders did meet: each kind of move was made, and most of them were carried out.
    const done = [...told].filter(([key]) => key.startsWith('2'));
    expect(new Set(done.map(([key]) => key.split(' ')[1]))).toEqual(new Set(Object.keys(MOVES)));
  },
  TIMEOUT_MS,
);

test(
  'fifty clients change one group and one person at once: each is done, and nobody is told to come again',
  async () => {
    await twoReplicas();
    const clients = open.hosts.map((host) => clientOf(host));
    const [first] = clients;
    if (first === undefined) throw new Error('two replicas');
    const people: string[] = [];
    for (let place = 0; place < PEOPLE; place += 1) {
      people.push((await first.post('/Users', userBody(personName(place))).expect(201)).body.id);
    }
    const [person] = people;
    const { id: group } = (await first.post('/Groups', groupBody(groupName(0))).expect(201)).body;
    const someOf = (client: number): string[] => people.filter((_id, place) => (client + place) % 3 > 0);
    const moves: readonly ((scim: ScimClient, client: number) => PromiseLike<{ readonly status: number }>)[] = [
      (scim, client) => scim.put(`/Groups/${group}`, groupBody(groupName(0), someOf(client))),
      (scim, client) => scim.patch(`/Groups/${group}`, addMembers(...someOf(client))),
      (scim, client) =>
        scim.patch(
          `/Groups/${group}`,
          patchBody({ op: 'replace', path: 'members', value: someOf(client).map((value) => ({ value })) }),
        ),
      (scim, client) =>
        scim.patch(
          `/Groups/${group}`,
          patchBody({ op: 'remove', path: 'members', value: someOf(client).map((value) => ({ value })) }),
        ),
      (scim, client) => scim.patch(`/Users/${person}`, setActive(client % 2 > 0)),
      (scim, client) => scim.patch(`/Users/${person}`, patchBody({ op: 'replace', path: 'title', value: String(client) })),
    ];
    const statuses: number[] = [];
    await Promise.all(
      Array.from({ length: CROWD }, async (_none, client) => {
        const scim = clients[client % clients.length] ?? first;
        for (let turn = 0; turn < moves.length; turn += 1) {
          const move = moves[(client + turn) % moves.length];
          if (move !== undefined) statuses.push((await move(scim, client)).status);
        }
      }),
    );
    expect(statuses).toHaveLength(CROWD * moves.length);
    expect(statuses.filter((status) => status !== 200 && status !== 204)).toEqual([]);
  },
  TIMEOUT_MS,
);
