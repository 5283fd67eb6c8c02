import { type SqlFragment, sql } from '../sql/sql.js';
import type { Access, Database } from './database.js';

/** Where a row stands in its list: the value it is sorted by (null: unassigned, or no sorting) and the host's id. */
export interface Position {
  readonly key: string | null;
  readonly id: number;
}

/** Which part of a list: so many rows from the start, or the rows next to a position. */
export type PageRequest =
  | { readonly kind: 'index'; readonly offset: number; readonly limit: number }
  | { readonly kind: 'after' | 'before'; readonly position: Position | undefined; readonly limit: number };

export interface Page<Row> {
  readonly total: number;
  readonly rows: readonly Row[];
  /** The positions of the rows, one for each. */
  readonly positions: readonly Position[];
  /** Whether rows follow in the direction of the request; only a request by position looks. */
  readonly hasMore: boolean;
}

/** The rows that count, and what is read of those on the page. */
export interface ListSource {
  /** A query of `list_id` and `list_key` (text, COLLATE "C"), made by `matchingRows`. */
  readonly matching: SqlFragment;
  /** Joined tables whose `id` is a `list_id`, and the columns to read of them; undefined: the position alone. */
  readonly read: { readonly from: SqlFragment; readonly id: SqlFragment; readonly columns: SqlFragment } | undefined;
  readonly isSorted: boolean;
  readonly descending: boolean;
}

/** One table's part of `ListSource.matching`. */
export const matchingRows = (part: {
  readonly from: SqlFragment;
  readonly id: SqlFragment;
  readonly condition: SqlFragment;
  readonly sortKey: SqlFragment | undefined;
}): SqlFragment =>
  sql`SELECT ${part.id} AS list_id, (${part.sortKey ?? sql`NULL::text`}) COLLATE "C" AS list_key FROM ${part.from} WHERE ${part.condition}`;

/**
 * RFC 7644 3.4.2.3: unassigned values come last, descending first, which is the order of NULL in Postgres. The id makes
 * the order total; it ascends in either direction, so that equal values keep theirs.
 */
const order = (source: ListSource, backwards: boolean): SqlFragment => {
  const id = backwards ? sql`list_id DESC` : sql`list_id`;
  if (!source.isSorted) return id;
  return source.descending === backwards ? sql`list_key ASC NULLS LAST, ${id}` : sql`list_key DESC NULLS FIRST, ${id}`;
};

const beyond = (source: ListSource, { key, id }: Position, backwards: boolean): SqlFragment => {
  const further = backwards ? sql`list_id < ${id}` : sql`list_id > ${id}`;
  if (!source.isSorted) return further;
  const ascends = source.descending === backwards;
  if (key === null) return ascends ? sql`(list_key IS NULL AND ${further})` : sql`(list_key IS NOT NULL OR ${further})`;
  return ascends
    ? sql`(list_key > ${key}::text COLLATE "C" OR (list_key = ${key}::text COLLATE "C" AND ${further}) OR list_key IS NULL)`
    : sql`(list_key < ${key}::text COLLATE "C" OR (list_key = ${key}::text COLLATE "C" AND ${further}))`;
};

/** Reads a page and the number of all rows in one statement. */
export const readPage = async <Row>(
  database: Database,
  source: ListSource,
  request: PageRequest,
  access: Access,
): Promise<Page<Row>> => {
  const backwards = request.kind === 'before';
  const start =
    request.kind === 'index' || request.position === undefined ? sql`TRUE` : beyond(source, request.position, backwards);
  const extra = request.kind === 'index' ? 0 : 1;
  const offset = request.kind === 'index' ? request.offset : 0;
  const columns = source.read === undefined ? sql`` : sql`, ${source.read.columns}`;
  const joined = source.read === undefined ? sql`` : sql`JOIN (${source.read.from}) ON ${source.read.id} = chosen.list_id`;
  const rows = await database.query<Row & { total: number; listKey: string | null; listId: number | string | null }>(
    sql`
    WITH matching AS MATERIALIZED (${source.matching}),
    chosen AS (SELECT list_id, list_key FROM matching WHERE ${start} ORDER BY ${order(source, backwards)} LIMIT ${request.limit + extra} OFFSET ${offset})
    SELECT counted.total, page.* FROM (SELECT count(*)::integer AS total FROM matching) counted LEFT JOIN LATERAL (
      SELECT chosen.list_id AS "listId", chosen.list_key AS "listKey", row_number() OVER (ORDER BY ${order(source, backwards)}) AS "listRow" ${columns}
      FROM chosen ${joined}) page ON TRUE
    ORDER BY page."listRow"`,
    access,
  );
  const found = rows.filter((row) => row.listId !== null);
  const kept = request.limit < found.length ? found.slice(0, request.limit) : found;
  if (backwards) kept.reverse();
  return {
    total: rows[0]?.total ?? 0,
    rows: kept,
    positions: kept.map((row) => ({ key: row.listKey, id: Number(row.listId) })),
    hasMore: found.length > kept.length,
  };
};
