import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isObject, type JsonObject } from '../../lib/protocol/document.js';
import { type Filter, formatFilter, parseFilter, resolveFilter } from '../../lib/protocol/filter.js';
import { matchesFilter } from '../../lib/protocol/match.js';
import type { AttributePath } from '../../lib/protocol/schema.js';
import { compileFilter, type FilterColumn, type FilterColumns } from '../../lib/sql/filter-sql.js';
import { sql } from '../../lib/sql/sql.js';
import { createDatabase, type Database } from '../support/database.js';
import { filterOnResource, resource, STRINGS, TYPE } from './filter-arbitraries.js';

const documentOnly: FilterColumns = { column: () => undefined, elements: () => undefined, document: sql`r.document` };

/** A store as stores are: some attributes in columns, the groups in a table, an index for one value of a list. */
const withColumns: FilterColumns = {
  column({ extension, attribute, subAttribute }): FilterColumn | undefined {
    if (extension !== undefined) return undefined;
    switch ([attribute.name, ...(subAttribute === undefined ? [] : [subAttribute.name])].join('.')) {
      case 'userName':
        return { kind: 'text', expression: sql`r.user_name`, equals: (value) => sql`lower(r.user_name) = lower(${value}::text)` };
      case 'externalId':
        return { kind: 'text', expression: sql`r.external_id` };
      case 'active':
        return { kind: 'boolean', expression: sql`r.active` };
      case 'meta.created':
        return { kind: 'timestamp', expression: sql`r.created` };
      case 'emails.value':
        return { kind: 'lookup', equals: (value) => sql`lower(${value}::text) = ANY (r.addresses) OR FALSE` };
      default:
        return undefined;
    }
  },
  elements(attribute) {
    if (attribute.name !== 'groups') return undefined;
    return {
      column({ name }) {
        if (name === 'value') return { kind: 'text', expression: sql`g.value` };
        return name === 'display' ? { kind: 'text', expression: sql`g.display` } : undefined;
      },
      exists: (condition) => sql`EXISTS (SELECT 1 FROM filter_groups g WHERE g.id = r.id AND ${condition})`,
    };
  },
  document: sql`r.document`,
};

interface Row {
  readonly document: JsonObject;
  readonly userName: string | null;
  readonly externalId: string | null;
  readonly active: boolean | null;
  /** With microseconds, which the wire does not show. */
  readonly created: string | null;
  readonly addresses: readonly string[];
  readonly groups: readonly { readonly value: string; readonly display: string | null }[];
}

const strings = fc.constantFrom(...STRINGS);
const row: fc.Arbitrary<Row> = fc
  .record({
    generated: resource,
    userName: fc.option(strings),
    externalId: fc.option(strings),
    active: fc.option(fc.boolean()),
    created: fc.option(fc.constantFrom('2026-07-21T09:00:00.000999Z', '2026-07-21T09:00:00Z', '2026-07-21T08:59:59.999999Z')),
    groups: fc.array(fc.record({ value: fc.constantFrom('1', '2', 'a', 'A'), display: fc.option(strings) }), { maxLength: 2 }),
  })
  .map(({ generated, ...columns }) => {
    const { userName, externalId, active, groups, meta, ...document } = generated;
    const { created, ...restOfMeta } = isObject(meta) ? meta : {};
    const { emails } = document;
    const addresses = (Array.isArray(emails) ? emails : [emails]).flatMap((email) =>
      isObject(email) && typeof email.value === 'string' ? [email.value.toLowerCase()] : [],
    );
    return { document: { ...document, meta: restOfMeta }, addresses, ...columns };
  });

const onTheWire = ({ document, userName, externalId, active, created, groups }: Row): JsonObject => ({
  ...document,
  userName,
  externalId,
  active,
  groups: groups.map(({ value, display }) => ({ value, display })),
  meta: {
    ...(isObject(document.meta) ? document.meta : {}),
    created: created && `${created.replace('Z', '').padEnd(20, '.').padEnd(23, '0').slice(0, 23)}Z`,
  },
});

describe('a filter as SQL', () => {
  let database: Database;

  beforeAll(async () => {
    database = await createDatabase({ empty: true });
    // A collation with an order of its own, as many databases have: it must not show.
    await database.query(`
      CREATE TABLE filter_resources (id int, document jsonb, user_name text COLLATE "en-x-icu", external_id text COLLATE "en-x-icu",
        active boolean, created timestamptz, addresses text[])`);
    await database.query('CREATE TABLE filter_groups (id int, value text, display text COLLATE "en-x-icu")');
  });
  afterAll(async () => {
    await database.drop();
  });

  const store = async (rows: readonly Row[]): Promise<void> => {
    await database.query('TRUNCATE filter_resources, filter_groups');
    for (const [id, stored] of rows.entries()) {
      const { document, userName, externalId, active, created, addresses, groups } = stored;
      await database.query('INSERT INTO filter_resources VALUES ($1, $2, $3, $4, $5, $6, $7)', [
        id,
        JSON.stringify(document),
        userName,
        externalId,
        active,
        created,
        addresses,
      ]);
      for (const { value, display } of groups)
        await database.query('INSERT INTO filter_groups VALUES ($1, $2, $3)', [id, value, display]);
    }
  };

  const compare = async (
    filter: Filter<AttributePath>,
    columns: FilterColumns,
    resources: readonly JsonObject[],
  ): Promise<void> => {
    const text = formatFilter(filter);
    const bound = resolveFilter(TYPE, parseFilter(text));
    const expected = resources.flatMap((one, id) => (matchesFilter(one, bound) ? [id] : []));
    const query = sql`SELECT r.id FROM filter_resources r WHERE ${compileFilter(bound, columns)} ORDER BY r.id`.toQuery();
    const rows = await database.query<{ id: number }>(query.text, query.values);
    expect([text, ...rows.map(({ id }) => id)]).toEqual([text, ...expected]);
  };

  const filters = fc.array(filterOnResource, { minLength: 10, maxLength: 20 });

  test('finds what the filter matches, in a document', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(resource, { minLength: 3, maxLength: 8 }), filters, async (documents, generated) => {
        await store(
          documents.map((document) => ({
            document,
            userName: null,
            externalId: null,
            active: null,
            created: null,
            addresses: [],
            groups: [],
          })),
        );
        for (const filter of generated) await compare(filter, documentOnly, documents);
      }),
      { numRuns: 100 },
    );
  }, 120_000);

  test('finds what the filter matches, in columns and tables', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 3, maxLength: 8 }), filters, async (rows, generated) => {
        await store(rows);
        for (const filter of generated) await compare(filter, withColumns, rows.map(onTheWire));
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});
