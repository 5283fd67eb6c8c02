import { DATE_TIME_PATTERN } from '../protocol/date-time.js';
import type { ComparisonOperator, ComparisonValue } from '../protocol/filter.js';
import { isStorableText } from '../protocol/match.js';
import { type Attribute, comparesCaseExact } from '../protocol/schema.js';
import { type SqlFragment, sql } from './sql.js';

/** A column or expression that holds an attribute. `text` and `boolean` are those types of Postgres, `timestamp` is timestamptz. */
export interface StoredColumn {
  readonly kind: 'text' | 'boolean' | 'timestamp';
  readonly expression: SqlFragment;
  /** An equality that an index can serve; it has to mean what the schema says of case. Gets no "" and nothing that Postgres cannot hold. */
  readonly equals?: (value: string) => SqlFragment;
}

/** Where one value is. */
export type Place = StoredColumn | { readonly kind: 'json'; readonly value: SqlFragment };
/** A condition on one value: true, or else false or NULL. It brings its own brackets where it needs them within AND. */
export type Test = (attribute: Attribute, place: Place) => SqlFragment;
/** `ne` is the negation of `eq` over all values of an attribute, so no test of one value. */
export type Order = Exclude<ComparisonOperator, 'ne'>;

const FALSE = sql`FALSE`;

// A leaf that is neither null nor "": RFC 7643 2.5 makes everything without one absent, as `isUnassigned` does.
const PRESENT_LEAF = 'strict $.** ? (@.type() == "number" || @.type() == "boolean" || (@.type() == "string" && @ != ""))';

/** RFC 7643 2.5: null, "", [] and {} are absent. */
export const isPresent: Test = (_attribute, place) => {
  switch (place.kind) {
    case 'text':
      return sql`${place.expression} <> ''`;
    case 'boolean':
    case 'timestamp':
      return sql`${place.expression} IS NOT NULL`;
    case 'json':
      return sql`jsonb_path_exists(${place.value}, ${PRESENT_LEAF}::jsonpath)`;
  }
};

const likePattern = (value: string): string => value.replace(/[\\%_]/g, '\\$&');

const textTest = (op: Order, expression: SqlFragment, value: string, caseExact: boolean): SqlFragment => {
  const fold = (text: SqlFragment): SqlFragment => (caseExact ? text : sql`lower(${text})`);
  const stored = fold(expression);
  const wanted = fold(sql`${value}::text`);
  const like = (pattern: string): SqlFragment => sql`${expression} <> '' AND ${stored} LIKE ${fold(sql`${pattern}::text`)}`;
  switch (op) {
    case 'eq':
      return value === '' ? FALSE : sql`${stored} = ${wanted}`;
    case 'co':
      return like(`%${likePattern(value)}%`);
    case 'sw':
      return like(`${likePattern(value)}%`);
    case 'ew':
      return like(`%${likePattern(value)}`);
    case 'gt':
      return sql`${expression} <> '' AND ${stored} COLLATE "C" > ${wanted}`;
    case 'ge':
      return sql`${expression} <> '' AND ${stored} COLLATE "C" >= ${wanted}`;
    case 'lt':
      return sql`${expression} <> '' AND ${stored} COLLATE "C" < ${wanted}`;
    case 'le':
      return sql`${expression} <> '' AND ${stored} COLLATE "C" <= ${wanted}`;
  }
};

/** The wire has milliseconds and a column microseconds: compared as ranges, what is equal on the wire is equal here, and an index serves. */
const instantTest = (op: Order, expression: SqlFragment, value: string): SqlFragment => {
  const from = sql`${value}::timestamptz`;
  const to = sql`${from} + interval '1 millisecond'`;
  switch (op) {
    case 'eq':
      return sql`${expression} >= ${from} AND ${expression} < ${to}`;
    case 'gt':
      return sql`${expression} >= ${to}`;
    case 'ge':
      return sql`${expression} >= ${from}`;
    case 'lt':
      return sql`${expression} < ${from}`;
    case 'le':
      return sql`${expression} < ${to}`;
    case 'co':
    case 'sw':
    case 'ew':
      return FALSE;
  }
};

const numberTest = (op: Order, expression: SqlFragment, value: number): SqlFragment => {
  const wanted = sql`${value}::numeric`;
  switch (op) {
    case 'eq':
      return sql`${expression} = ${wanted}`;
    case 'gt':
      return sql`${expression} > ${wanted}`;
    case 'ge':
      return sql`${expression} >= ${wanted}`;
    case 'lt':
      return sql`${expression} < ${wanted}`;
    case 'le':
      return sql`${expression} <= ${wanted}`;
    case 'co':
    case 'sw':
    case 'ew':
      return FALSE;
  }
};

/** Every cast stands behind a CASE that has looked at the value: AND promises no order, and a cast that fails ends the statement. */
const jsonTest = (op: Order, attribute: Attribute, json: SqlFragment, value: ComparisonValue): SqlFragment => {
  const text = sql`(${json} #>> '{}')`;
  switch (attribute.type) {
    case 'string':
    case 'reference':
    case 'binary':
      if (typeof value !== 'string') return FALSE;
      return sql`jsonb_typeof(${json}) = 'string' AND ${textTest(op, text, value, comparesCaseExact(attribute))}`;
    case 'decimal':
    case 'integer':
      if (typeof value !== 'number') return FALSE;
      return numberTest(op, sql`CASE jsonb_typeof(${json}) WHEN 'number' THEN ${text}::numeric END`, value);
    case 'boolean':
      return op === 'eq' && typeof value === 'boolean' ? sql`${json} = to_jsonb(${value}::boolean)` : FALSE;
    case 'dateTime': {
      if (typeof value !== 'string') return FALSE;
      // Postgres would round what is finer than a microsecond; the wire cuts it off.
      const cut = sql`regexp_replace(${text}, '([.][0-9]{6})[0-9]+', '\\1')`;
      const instant = sql`CASE WHEN jsonb_typeof(${json}) = 'string' AND ${text} ~ ${DATE_TIME_PATTERN}::text THEN ${cut}::timestamptz END`;
      return instantTest(op, instant, value);
    }
    case 'complex':
      return FALSE;
  }
};

/** The test that a value compares so with the one of the filter, which has been resolved to the attribute's type. */
export const comparisonTest =
  (op: Order, value: ComparisonValue): Test =>
  (attribute, place) => {
    if (typeof value === 'string' && !isStorableText(value)) return FALSE;
    switch (place.kind) {
      case 'text':
        if (typeof value !== 'string') return FALSE;
        if (op === 'eq' && value !== '' && place.equals !== undefined) return place.equals(value);
        return textTest(op, place.expression, value, comparesCaseExact(attribute));
      case 'boolean':
        return op === 'eq' && typeof value === 'boolean' ? sql`${place.expression} = ${value}::boolean` : FALSE;
      case 'timestamp':
        return typeof value === 'string' ? instantTest(op, place.expression, value) : FALSE;
      case 'json':
        return jsonTest(op, attribute, place.value, value);
    }
  };
