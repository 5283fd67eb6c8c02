import type { BoundAttribute } from '../protocol/schema.js';
import { comparesCaseExact } from '../protocol/schema.js';
import type { FilterColumns } from './filter-sql.js';
import { type SqlFragment, sql } from './sql.js';

const folded = (bound: BoundAttribute, text: SqlFragment): SqlFragment =>
  comparesCaseExact(bound.subAttribute ?? bound.attribute) ? text : sql`lower(${text})`;

const inDocument = ({ extension, attribute, subAttribute }: BoundAttribute, document: SqlFragment): SqlFragment => {
  const holder = extension === undefined ? sql`(${document})` : sql`(${document} -> ${extension}::text)`;
  if (subAttribute === undefined) return sql`(${holder} ->> ${attribute.name}::text)`;
  const value = sql`(${holder} -> ${attribute.name}::text)`;
  if (!attribute.multiValued) return sql`(${value} ->> ${subAttribute.name}::text)`;
  // RFC 7644 3.4.2.3: "sorted by the primary attribute, if any, or else the first value in the list".
  return sql`(SELECT x.e ->> ${subAttribute.name}::text FROM jsonb_array_elements(CASE jsonb_typeof(${value}) WHEN 'array' THEN ${value} ELSE '[]' END)
    WITH ORDINALITY AS x(e, n) ORDER BY (x.e -> 'primary' = 'true'::jsonb) IS TRUE DESC, x.n LIMIT 1)`;
};

/** The text by which resources are sorted, NULL where the attribute is unassigned (RFC 7644 3.4.2.3). Case counts where `caseExact` says so. */
export const compileSortKey = (bound: BoundAttribute, columns: FilterColumns): SqlFragment => {
  const column = columns.column(bound);
  if (column === undefined || column.kind === 'lookup')
    return sql`nullif(${folded(bound, inDocument(bound, columns.document))}, '')`;
  switch (column.kind) {
    case 'text':
      return sql`nullif(${folded(bound, column.expression)}, '')`;
    case 'boolean':
      return sql`(${column.expression})::text`;
    case 'timestamp':
      return sql`to_char(${column.expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')`;
  }
};
