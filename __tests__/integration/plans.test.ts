import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type request from 'supertest';
import { scim as clientOf, type ScimClient } from '../support/clients.js';
import { createDatabase, type Database } from '../support/database.js';
import { type Host, startHost } from '../support/host-process.js';
import { addMembers, groupBody, patchBody, removeMember, setActive, USER_SCHEMA } from '../support/provisioning.js';

const PEOPLE = 100_000;
const MEMBERS = 50_000;
const GROUPS = 2_000;
const BULK = 1_000;
const BULKS_AT_ONCE = 4;
const PREPARATION_MS = 300_000;
/** A table is large from so many rows on; smaller ones may be read from end to end. */
const LARGE = 1_000;
/** Rows that a request about one person or group may read of one table by its indexes. */
const FEW = 200;
/** The same for a page of 100: some for each row, what a flat page skips, and what it counts. */
const OF_A_PAGE = 3_000;
const OF_A_PAGE_OF_1000 = 12_000;

const BULK_URN = 'urn:ietf:params:scim:api:messages:2.0:BulkRequest';

interface Person {
  readonly id: string;
  readonly number: number;
}

const userNameOf = (number: number): string => `person${number}@example.com`;
const externalIdOf = (number: number): string => `external-${number}`;

const personBody = (number: number, displayName = `Person ${number}`): object => ({
  schemas: [USER_SCHEMA],
  userName: userNameOf(number),
  externalId: externalIdOf(number),
  displayName,
  emails: [{ value: userNameOf(number), type: 'work', primary: true }],
  active: true,
});

const bulkBody = (path: string, bodies: readonly object[]): object => ({
  schemas: [BULK_URN],
  Operations: bodies.map((data, index) => ({ method: 'POST', path, bulkId: `b${index}`, data })),
});

const range = (from: number, count: number): readonly number[] => Array.from({ length: count }, (_, index) => from + index);

/** A company of 100,000, and what was made of it so far. */
class Company {
  readonly scim: ScimClient;
  readonly people: Person[] = [];
  largeGroup = '';
  smallGroup = '';
  /** Of a page of 1,000 far from both ends. */
  middleCursor = '';
  #numbers = 0;
  #turn = 0;

  constructor(scim: ScimClient) {
    this.scim = scim;
  }

  nextNumber(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  /** A member of the large group, another one each time. */
  person(): Person {
    this.#turn += 1;
    return this.people[this.#turn] ?? { id: '', number: 0 };
  }

  /** Somebody outside of the large group. */
  outsider(): Person {
    return this.people.at(-10) ?? { id: '', number: 0 };
  }

  /** Through the plugin, so that every table holds what it would hold. */
  async fill(): Promise<void> {
    await Promise.all(range(0, BULKS_AT_ONCE).map(() => this.#createPeople()));
    for (let from = 0; from < GROUPS; from += BULK) {
      const bodies = range(from, BULK).map((number) => ({ ...groupBody(`Group ${number}`), externalId: `group-${number}` }));
      await this.scim.post('/Bulk', bulkBody('/Groups', bodies)).expect(200);
    }
    const ids = this.people.map(({ id }) => id);
    this.largeGroup = (await this.scim.post('/Groups', groupBody('Everybody')).expect(201)).body.id;
    for (let from = 0; from < MEMBERS; from += 10_000) {
      await this.scim.patch(`/Groups/${this.largeGroup}`, addMembers(...ids.slice(from, from + 10_000))).expect(204);
    }
    this.smallGroup = (await this.scim.post('/Groups', groupBody('Few', ids.slice(-3))).expect(201)).body.id;
  }

  async walkToTheMiddle(): Promise<void> {
    for (let offset = 0; offset < PEOPLE / 2; offset += BULK) {
      const { body } = await this.scim.get(`/Users?cursor=${this.middleCursor}&count=${BULK}&attributes=id`).expect(200);
      this.middleCursor = body.nextCursor;
    }
  }

  async #createPeople(): Promise<void> {
    while (this.#numbers < PEOPLE) {
      const numbers = range(0, BULK).map(() => this.nextNumber());
      const body = bulkBody(
        '/Users',
        numbers.map((number) => personBody(number)),
      );
      const answer = await this.scim.post('/Bulk', body).expect(200);
      for (const [index, { location }] of answer.body.Operations.entries()) {
        this.people.push({ id: location.slice(location.lastIndexOf('/') + 1), number: numbers[index] ?? 0 });
      }
    }
  }
}

interface RequestKind {
  readonly what: string;
  readonly status: number;
  /** Rows that it may read of one table by its indexes; {@link FEW} unless said. */
  readonly rows?: number;
  send(company: Company): request.Test;
}

const search = (what: string, endpoint: string, filter: (company: Company) => string): RequestKind => ({
  what,
  status: 200,
  send: (company) =>
    company.scim.get(`${endpoint}${endpoint.includes('?') ? '&' : '?'}filter=${encodeURIComponent(filter(company))}`),
});

const list = (what: string, query: string | ((company: Company) => string), rows = OF_A_PAGE): RequestKind => ({
  what,
  status: 200,
  rows,
  send: (company) => company.scim.get(typeof query === 'string' ? query : query(company)),
});

const REQUESTS: readonly RequestKind[] = [
  { what: 'a create', status: 201, send: (company) => company.scim.post('/Users', personBody(company.nextNumber())) },
  {
    what: 'a create of somebody who is there',
    status: 409,
    send: (company) => company.scim.post('/Users', personBody(company.person().number)),
  },
  { what: 'a read', status: 200, send: (company) => company.scim.get(`/Users/${company.person().id}`) },
  search('a search by userName', '/Users', (company) => `userName eq "${userNameOf(company.person().number)}"`),
  search('a search by externalId', '/Users', (company) => `externalId eq "${externalIdOf(company.person().number)}"`),
  search('a search by e-mail', '/Users', (company) => `emails.value eq "${userNameOf(company.person().number)}"`),
  search('a search by id', '/Users', (company) => `id eq "${company.person().id}"`),
  search('a search for nobody', '/Users', () => 'userName eq "nobody@example.com"'),
  {
    what: 'a PUT without a change',
    status: 200,
    send: (company) => {
      const { id, number } = company.person();
      return company.scim.put(`/Users/${id}`, personBody(number));
    },
  },
  {
    what: 'a PUT with a change',
    status: 200,
    send: (company) => {
      const { id, number } = company.person();
      return company.scim.put(`/Users/${id}`, personBody(number, 'Another name'));
    },
  },
  {
    what: 'a PATCH of a name',
    status: 200,
    send: (company) =>
      company.scim.patch(`/Users/${company.person().id}`, patchBody({ op: 'replace', path: 'displayName', value: 'A new one' })),
  },
  {
    what: 'a suspension',
    status: 200,
    send: (company) => company.scim.patch(`/Users/${company.people[0]?.id}`, setActive(false)),
  },
  {
    what: 'a resumption',
    status: 200,
    send: (company) => company.scim.patch(`/Users/${company.people[0]?.id}`, setActive(true)),
  },
  { what: 'a delete', status: 204, send: (company) => company.scim.delete(`/Users/${company.person().id}`) },
  {
    what: 'a bulk request of 10 creates',
    status: 200,
    rows: 10 * FEW,
    send: (company) =>
      company.scim.post(
        '/Bulk',
        bulkBody(
          '/Users',
          range(0, 10).map(() => personBody(company.nextNumber())),
        ),
      ),
  },
  {
    what: 'a create of a group',
    status: 201,
    send: (company) => company.scim.post('/Groups', groupBody(`New ${company.nextNumber()}`, [company.person().id])),
  },
  { what: 'a read of a small group', status: 200, send: (company) => company.scim.get(`/Groups/${company.smallGroup}`) },
  {
    what: 'a read of a large group without its members',
    status: 200,
    send: (company) => company.scim.get(`/Groups/${company.largeGroup}?excludedAttributes=members`),
  },
  {
    what: 'a new name for a large group',
    status: 204,
    send: (company) =>
      company.scim.patch(
        `/Groups/${company.largeGroup}`,
        patchBody({ op: 'replace', path: 'displayName', value: `Everybody ${company.nextNumber()}` }),
      ),
  },
  {
    what: 'one member more in a large group',
    status: 204,
    send: (company) => company.scim.patch(`/Groups/${company.largeGroup}`, addMembers(company.outsider().id)),
  },
  {
    what: 'one member less in a large group',
    status: 204,
    send: (company) => company.scim.patch(`/Groups/${company.largeGroup}`, removeMember(company.outsider().id)),
  },
  search('a search for a group by name', '/Groups', () => 'displayName eq "group 77"'),
  search('a search for a group by externalId', '/Groups', () => 'externalId eq "group-78"'),
  search(
    'whether somebody is in a large group',
    '/Groups?attributes=id',
    (company) => `id eq "${company.largeGroup}" and members.value eq "${company.person().id}"`,
  ),
  list('the first page of groups', '/Groups?count=100&excludedAttributes=members'),
  list('the first page', '/Users?count=100'),
  list('a page in the middle', `/Users?startIndex=${PEOPLE / 2}&count=100`),
  list('the last page', `/Users?startIndex=${PEOPLE - 100}&count=100`),
  list('the first page by cursor', '/Users?cursor=&count=100'),
  list(
    'a page in the middle by cursor',
    ({ middleCursor }) => `/Users?cursor=${middleCursor}&count=${BULK}&attributes=id`,
    OF_A_PAGE_OF_1000,
  ),
];

interface TableReads {
  readonly table: string;
  readonly rows: number;
  /** So far, by reading the table from its beginning. */
  readonly inSequence: number;
  readonly byIndex: number;
}

describe('with 100,000 people', () => {
  const open: { db?: Database; host?: Host; company?: Company } = {};
  const world = (): { readonly db: Database; readonly company: Company } => {
    const { db, company } = open;
    if (db === undefined || company === undefined) throw new Error('The company exists only while tests run.');
    return { db, company };
  };

  const readsSoFar = (): Promise<readonly TableReads[]> =>
    world().db.query<TableReads & Record<string, unknown>>(
      `SELECT relname AS table, n_live_tup::integer AS rows, seq_tup_read::integer AS "inSequence",
         (SELECT coalesce(sum(idx_tup_read), 0)::integer FROM pg_stat_user_indexes i WHERE i.relid = t.relid) AS "byIndex"
       FROM pg_stat_user_tables t ORDER BY 1`,
    );

  /** What a request read: from large tables in sequence, and from any table by indexes, where it is too much. */
  const readTooMuch = async ({ send, status, rows = FEW }: RequestKind): Promise<readonly string[]> => {
    const before = new Map((await readsSoFar()).map((reads) => [reads.table, reads]));
    await send(world().company).expect(status);
    return (await readsSoFar()).flatMap(({ table, rows: size, inSequence, byIndex }) => {
      const sequence = inSequence - (before.get(table)?.inSequence ?? 0);
      const indexed = byIndex - (before.get(table)?.byIndex ?? 0);
      return [
        ...(size >= LARGE && sequence > 0 ? [`${sequence} rows of ${table} in sequence`] : []),
        ...(indexed > rows ? [`${indexed} rows of ${table} by index`] : []),
      ];
    });
  };

  beforeAll(async () => {
    const db = await createDatabase();
    open.db = db;
    // Parallel workers would tell what they read a moment after the answer.
    await db.query(`ALTER DATABASE ${db.name} SET max_parallel_workers_per_gather = 0`);
    // What the host does by the clock is none of these requests. It counts its users within half a minute of its start, at a random
    // moment, also without its scheduler, but not where it starts in maintenance.
    await db.query(`INSERT INTO settings (name, content) VALUES ('maintenance.mode', '{"enabled": true}')`);
    const host = await startHost({ database: db, hostOptions: { disableScheduler: true } });
    await db.query(`DELETE FROM settings WHERE name = 'maintenance.mode'`);
    open.host = host;
    const company = new Company(clientOf(host));
    open.company = company;
    // Otherwise a backend tells at most once a second what it read. Every statement looks into this table.
    await db.query('ALTER TABLE scim_token RENAME TO scim_token_kept');
    await db.query(
      'CREATE VIEW scim_token AS SELECT t.* FROM scim_token_kept t, LATERAL (SELECT pg_stat_force_next_flush()) flushed',
    );
    await company.fill();
    await company.walkToTheMiddle();
  }, PREPARATION_MS);

  afterAll(async () => {
    await open.host?.stop();
    await open.db?.drop();
  });

  test('this test notices a search that no index serves', async () => {
    const byTitle = search('', '/Users', () => 'title eq "Director"');
    expect(await readTooMuch({ ...byTitle })).toContainEqual(expect.stringMatching(/^\d{6} rows of scim_users by index$/));
  });

  describe.each([
    ['as a first sync leaves the tables', ''],
    ['once the tables were analyzed', 'VACUUM ANALYZE'],
  ])('%s', (_when, statement) => {
    beforeAll(async () => {
      await world().db.query(statement);
    }, PREPARATION_MS);

    test.each(REQUESTS)('$what reads a few rows, whatever is there', async (kind) => {
      expect(await readTooMuch(kind)).toEqual([]);
    });
  });
});
