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

/**
 * A column of texts that may be long. They are read of the rows on the page alone, in their order, until the answer is long enough,
 * and the page ends there: it may have fewer resources than were asked for (RFC 7644 3.4.2.4).
 */
export interface LongColumn {
  readonly name: SqlFragment;
  /** A call that gives an id and a text for each of an array of ids, from the first as far as they fit. */
  call(ids: SqlFragment): SqlFragment;
}

/** The rows that count, and what is read of those on the page. */
export interface ListSource {
  /** A query of `list_id` and `list_key` (text, COLLATE "C"), made by `matchingRows`. */
  readonly matching: SqlFragment;
  /** Joined tables whose `id` is a `list_id`, and the columns to read of them; undefined: the position alone. */
  readonly read: { readonly from: SqlFragment; readonly id: SqlFragment; readonly columns: SqlFragment } | undefined;
  readonly long?: LongColumn | undefined;
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

interface Listed {
  readonly total: number;
  /** There only where the list is sorted. */
  readonly listKey?: string | null;
  readonly listId: number | string | null;
  /** Where a long column ended before this row. */
  readonly isCut?: boolean;
}

/** `page`, a query of `listId`s in order, with a long column. */
const withLongColumn = (page: SqlFragment, long: LongColumn | undefined): SqlFragment =>
  long === undefined
    ? page
    : sql`WITH page AS MATERIALIZED (${page})
      SELECT page.*, page."listId" IS NOT NULL AND long.id IS NULL AS "isCut", long.text AS ${long.name} FROM page
      LEFT JOIN ${long.call(sql`ARRAY(SELECT "listId" FROM page WHERE "listId" IS NOT NULL)`)} WITH ORDINALITY long (id, text, place)
        ON long.id = page."listId"
      ORDER BY long.place`;

/** `rows` has one for the total where the page is empty, and one more than asked for where a request by position has a page behind it. */
const toPage = <Row>(rows: readonly (Row & Listed)[], request: PageRequest): Page<Row> => {
  const listed = rows.filter((row) => row.listId !== null);
  const cut = listed.findIndex(({ isCut }) => isCut === true);
  const found = cut < 0 ? listed : listed.slice(0, cut);
  const kept = request.limit < found.length ? found.slice(0, request.limit) : found;
  if (request.kind === 'before') kept.reverse();
  return {
    total: rows[0]?.total ?? 0,
    rows: kept,
    positions: kept.map((row) => ({ key: row.listKey ?? null, id: Number(row.listId) })),
    hasMore: listed.length > kept.length,
  };
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
  const columns = source.read === undefined ? sql`` : sql`, r.*`;
  const joined =
    source.read === undefined
      ? sql``
      : sql`JOIN LATERAL (SELECT ${source.read.columns} FROM ${source.read.from} WHERE ${source.read.id} = chosen.list_id) r ON TRUE`;
  const page = sql`
    WITH matching AS MATERIALIZED (${source.matching}),
    chosen AS (SELECT list_id, list_key FROM matching WHERE ${start} ORDER BY ${order(source, backwards)} LIMIT ${request.limit + extra} OFFSET ${offset})
    SELECT counted.total, page.* FROM (SELECT count(*)::integer AS total FROM matching) counted LEFT JOIN LATERAL (
      SELECT chosen.list_id AS "listId", chosen.list_key AS "listKey", row_number() OVER (ORDER BY ${order(source, backwards)}) AS "listRow" ${columns}
      FROM chosen ${joined}) page ON TRUE
    ORDER BY page."listRow"`;
  return toPage(await database.query<Row & Listed>(withLongColumn(page, source.long), access), request);
};

/** A table that is listed by a column which an index keeps in order. */
export interface OrderedSource {
  readonly from: SqlFragment;
  readonly id: SqlFragment;
  readonly condition: SqlFragment;
  readonly columns: SqlFragment;
}

/** As `scim_page_counts` has them: buckets of 1,024 host ids (migrations/002-pages.sql). */
const BUCKET_BITS = 10;
const TOTAL = sql`(SELECT coalesce(sum(people), 0)::integer FROM scim_page_counts)`;

/** The id at an offset: buckets are added up to the one that holds it, and no more than one bucket is walked. */
const idAt = ({ from, id, condition }: OrderedSource, offset: number): SqlFragment => sql`(
  SELECT (SELECT ${id} FROM ${from} WHERE ${condition} AND ${id} >= start.bucket << ${BUCKET_BITS}::integer ORDER BY ${id}
    OFFSET ${offset}::bigint - start.before LIMIT 1)
  FROM (SELECT bucket, people, sum(people) OVER (ORDER BY bucket) - people AS before
    FROM (SELECT bucket, sum(people) AS people FROM scim_page_counts GROUP BY bucket) b) start
  WHERE start.before <= ${offset}::bigint AND start.people > 0 ORDER BY start.bucket DESC LIMIT 1)`;

/** Reads a page of everybody in the order of their ids, at a cost that neither their number nor the place of the page changes. */
export const readOrderedPage = async <Row>(
  database: Database,
  source: OrderedSource,
  request: PageRequest,
  access: Access,
): Promise<Page<Row>> => {
  const { from, id, condition, columns } = source;
  const backwards = request.kind === 'before';
  const position = request.kind === 'index' ? undefined : request.position;
  const start = request.kind === 'index' && request.offset > 0 ? sql`AND ${id} >= ${idAt(source, request.offset)}` : sql``;
  const beyond = position === undefined ? start : backwards ? sql`AND ${id} < ${position.id}` : sql`AND ${id} > ${position.id}`;
  const rows = await database.query<Row & Listed>(
    sql`SELECT ${TOTAL} AS total, page.* FROM (VALUES (TRUE)) one LEFT JOIN LATERAL (
      SELECT ${id} AS "listId", ${columns} FROM ${from} WHERE ${condition} ${beyond}
      ORDER BY ${id} ${backwards ? sql`DESC` : sql``} LIMIT ${request.kind === 'index' ? request.limit : request.limit + 1}) page ON TRUE`,
    access,
  );
  return toPage(rows, request);
};

/** Few rows. */
export interface ShortSource extends OrderedSource {
  readonly long?: LongColumn | undefined;
  /** Whether a unique index finds them, so that there is one at the most. */
  readonly isUnique?: boolean;
}

/**
 * Reads the few rows that an index finds; undefined where the page is empty, for then nobody knows of how many. Zero is added to the
 * id in the order, lest a plan that was made while there were few rows walks all ids for ever.
 */
export const readFoundPage = async <Row>(
  database: Database,
  { from, id, condition, columns, long, isUnique }: ShortSource,
  request: { readonly offset: number; readonly limit: number },
  access: Access,
): Promise<Page<Row> | undefined> => {
  const page =
    isUnique === true && request.offset === 0 && request.limit > 0
      ? sql`SELECT 1 AS total, ${id} AS "listId", ${columns} FROM ${from} WHERE ${condition}`
      : sql`SELECT count(*) OVER ()::integer AS total, ${id} AS "listId", ${columns} FROM ${from} WHERE ${condition}
      ORDER BY ${id} + 0 OFFSET ${request.offset} LIMIT ${request.limit}`;
  const rows = await database.query<Row & Listed>(withLongColumn(page, long), access);
  const isKnown = rows.length > 0 || (request.offset === 0 && request.limit > 0);
  return isKnown ? toPage(rows, { kind: 'index', ...request }) : undefined;
};

/** Reads a page of all rows in the order of their ids: it counts them, and walks to the page. */
export const readShortPage = async <Row>(
  database: Database,
  { from, id, condition, columns, long }: ShortSource,
  request: PageRequest,
  access: Access,
): Promise<Page<Row>> => {
  const backwards = request.kind === 'before';
  const position = request.kind === 'index' ? undefined : request.position;
  const beyond = position === undefined ? sql`` : backwards ? sql`AND ${id} < ${position.id}` : sql`AND ${id} > ${position.id}`;
  const [limit, offset] = request.kind === 'index' ? [request.limit, request.offset] : [request.limit + 1, 0];
  const read = sql`SELECT counted.total, page.* FROM (SELECT count(*)::integer AS total FROM ${from} WHERE ${condition}) counted LEFT JOIN LATERAL (
      SELECT ${id} AS "listId", ${columns} FROM ${from} WHERE ${condition} ${beyond}
      ORDER BY ${id} ${backwards ? sql`DESC` : sql``} LIMIT ${limit} OFFSET ${offset}) page ON TRUE`;
  return toPage(await database.query<Row & Listed>(withLongColumn(read, long), access), request);
};
