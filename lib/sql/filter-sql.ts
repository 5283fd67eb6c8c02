import type { ComparisonValue, Filter } from '../protocol/filter.js';
import { isStorableText } from '../protocol/match.js';
import type { Attribute, BoundAttribute } from '../protocol/schema.js';
import { comparisonTest, isPresent, type StoredColumn, type Test } from './comparison-sql.js';
import { joinSql, type SqlFragment, sql } from './sql.js';

export type { StoredColumn } from './comparison-sql.js';

/** An attribute that is read from the document, but has an index for `eq`: `emails.value`. Same contract as `StoredColumn.equals`. */
export interface LookupColumn {
  readonly kind: 'lookup';
  readonly equals: (value: string) => SqlFragment;
}

export type FilterColumn = StoredColumn | LookupColumn;

/** A multi-valued complex attribute whose elements are the rows of a table: the members of a group, the groups of a person. */
export interface FilterElements {
  /** Where a row has a sub-attribute; undefined: no row has it. */
  column(subAttribute: Attribute): StoredColumn | undefined;
  /** `EXISTS (…)` over the rows that belong to the resource; the condition is written in the columns above. */
  exists(condition: SqlFragment): SqlFragment;
}

/** Where a store keeps what a filter may speak of. */
export interface FilterColumns {
  /** For an attribute that has a column; undefined: look in `elements`, then in the document. */
  column(bound: BoundAttribute): FilterColumn | undefined;
  elements(attribute: Attribute): FilterElements | undefined;
  /** jsonb with everything else, in canonical names, an extension's attributes under its URN. May be NULL. */
  readonly document: SqlFragment;
}

/** The condition that some value of the attribute passes the test. */
type Scope = (bound: BoundAttribute, test: Test) => SqlFragment;

const TRUE = sql`TRUE`;
const FALSE = sql`FALSE`;

const ELEMENT = sql`scim_element.value`;

const someElement = (list: SqlFragment, condition: SqlFragment): SqlFragment =>
  sql`EXISTS (SELECT 1 FROM jsonb_array_elements(CASE jsonb_typeof(${list}) WHEN 'array' THEN ${list} ELSE jsonb_build_array(${list}) END) AS scim_element(value) WHERE (${condition}))`;

const jsonOf = (owner: SqlFragment, name: string): SqlFragment => sql`(${owner} -> ${name}::text)`;

const someValue = (json: SqlFragment, attribute: Attribute, condition: (value: SqlFragment) => SqlFragment): SqlFragment =>
  attribute.multiValued ? someElement(json, condition(ELEMENT)) : condition(json);

const inJson = (owner: SqlFragment, bound: BoundAttribute, test: Test): SqlFragment => {
  const { extension, attribute, subAttribute } = bound;
  const holder = extension === undefined ? owner : jsonOf(owner, extension);
  return someValue(jsonOf(holder, attribute.name), attribute, (value) => {
    if (subAttribute === undefined) return test(attribute, { kind: 'json', value });
    const sub = jsonOf(value, subAttribute.name);
    return someValue(sub, subAttribute, (inner) => test(subAttribute, { kind: 'json', value: inner }));
  });
};

const inRow =
  (elements: FilterElements): Scope =>
  ({ attribute }, test) => {
    const column = elements.column(attribute);
    return column === undefined ? FALSE : test(attribute, column);
  };

const inResource =
  (columns: FilterColumns): Scope =>
  (bound, test) => {
    const column = columns.column(bound);
    if (column !== undefined && column.kind !== 'lookup') return test(bound.subAttribute ?? bound.attribute, column);
    const elements = columns.elements(bound.attribute);
    if (elements === undefined) return inJson(sql`(${columns.document})`, bound, test);
    const { subAttribute } = bound;
    return elements.exists(subAttribute === undefined ? TRUE : sql`(${inRow(elements)({ attribute: subAttribute }, test)})`);
  };

const not = (condition: SqlFragment): SqlFragment => sql`NOT coalesce(${condition}, FALSE)`;

const anyOf = (conditions: readonly SqlFragment[]): SqlFragment =>
  conditions.length === 0
    ? FALSE
    : sql`(${joinSql(
        conditions.map((condition) => sql`(${condition})`),
        sql` OR `,
      )})`;

const allOf = (conditions: readonly SqlFragment[]): SqlFragment =>
  conditions.length === 0
    ? TRUE
    : sql`(${joinSql(
        conditions.map((condition) => sql`(${condition})`),
        sql` AND `,
      )})`;

const lookup = (bound: BoundAttribute, value: ComparisonValue, columns: FilterColumns): SqlFragment | undefined => {
  const column = columns.column(bound);
  if (column?.kind !== 'lookup' || typeof value !== 'string' || value === '' || !isStorableText(value)) return undefined;
  return column.equals(value);
};

/** `meta pr`: a complex attribute is present if one of its sub-attributes is, in whichever place. */
const presence = (bound: BoundAttribute, columns: FilterColumns): SqlFragment => {
  const scope = inResource(columns);
  const { attribute, subAttribute } = bound;
  if (subAttribute !== undefined || attribute.multiValued) return scope(bound, isPresent);
  const inColumns = (attribute.subAttributes ?? [])
    .map((sub) => ({ ...bound, subAttribute: sub }))
    .filter((sub) => columns.column(sub) !== undefined)
    .map((sub) => scope(sub, isPresent));
  return anyOf([...inColumns, scope(bound, isPresent)]);
};

/** The index behind `emails.value eq` serves `emails[type eq "work"].value eq` too: what has no such value has no such element. */
const lookups = ({ attribute }: BoundAttribute, filter: Filter<BoundAttribute>, columns: FilterColumns): readonly SqlFragment[] =>
  (filter.kind === 'and' ? filter.operands : [filter]).flatMap((operand) => {
    if (operand.kind !== 'compare' || operand.op !== 'eq') return [];
    return lookup({ attribute, subAttribute: operand.path.attribute }, operand.value, columns) ?? [];
  });

const valuePath = (bound: BoundAttribute, filter: Filter<BoundAttribute>, columns: FilterColumns): SqlFragment => {
  const { attribute } = bound;
  const elements = columns.elements(attribute);
  if (elements !== undefined) return elements.exists(sql`(${compile(filter, inRow(elements))})`);
  if (attribute.type === 'complex' && !attribute.multiValued) {
    const within: Scope = ({ attribute: sub }, test) => inResource(columns)({ ...bound, subAttribute: sub }, test);
    return allOf([presence(bound, columns), compile(filter, within)]);
  }
  const some = inJson(sql`(${columns.document})`, bound, (_attribute, place) => {
    if (place.kind !== 'json') return FALSE;
    const within: Scope = (path, test) =>
      attribute.type === 'complex' ? inJson(place.value, path, test) : test(path.attribute, place);
    return allOf([isPresent(attribute, place), compile(filter, within)]);
  });
  return allOf([...lookups(bound, filter, columns), some]);
};

/** A value that is there and is not this one. */
const differs =
  (value: ComparisonValue): Test =>
  (attribute, place) =>
    sql`(${isPresent(attribute, place)} AND NOT coalesce(${comparisonTest('eq', value)(attribute, place)}, FALSE))`;

/** May be NULL where it is not TRUE; `not` is the only place where that would matter, and takes care of it. */
const compile = (filter: Filter<BoundAttribute>, scope: Scope, columns?: FilterColumns): SqlFragment => {
  switch (filter.kind) {
    case 'compare': {
      const { op, path, value } = filter;
      if (op === 'ne') return anyOf([not(scope(path, isPresent)), scope(path, differs(value))]);
      const indexed = columns !== undefined && op === 'eq' ? lookup(path, value, columns) : undefined;
      return indexed ?? scope(path, comparisonTest(op, value));
    }
    case 'present':
      return columns === undefined ? scope(filter.path, isPresent) : presence(filter.path, columns);
    case 'not':
      return not(compile(filter.operand, scope, columns));
    case 'and':
      return allOf(filter.operands.map((operand) => compile(operand, scope, columns)));
    case 'or':
      return anyOf(filter.operands.map((operand) => compile(operand, scope, columns)));
    case 'valuePath':
      // The grammar has no value path within another.
      return columns === undefined ? FALSE : valuePath(filter.path, filter.filter, columns);
  }
};

/** Whether the filter is one `eq` that an index serves: a person or a group by its name or id. */
export const isLookup = (filter: Filter<BoundAttribute>, columns: FilterColumns): boolean => {
  if (filter.kind !== 'compare' || filter.op !== 'eq') return false;
  const column = columns.column(filter.path);
  const isIndexed = column?.kind === 'lookup' || (column?.kind === 'text' && column.equals !== undefined);
  return isIndexed && typeof filter.value === 'string' && filter.value !== '' && isStorableText(filter.value);
};

/**
 * The filter as a condition for WHERE, true for exactly the resources that `matchesFilter` accepts.
 * Names and values are parameters. The condition may be NULL where it is not true: negate it with `coalesce(…, FALSE)`.
 *
 * Case is folded by `lower()` of the database, so outside of ASCII its collation has the say (`İ`, `Σ`).
 */
export const compileFilter = (filter: Filter<BoundAttribute>, columns: FilterColumns): SqlFragment =>
  sql`(${compile(filter, inResource(columns), columns)})`;
