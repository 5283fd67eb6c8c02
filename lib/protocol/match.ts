import { parseInstant } from './date-time.js';
import { isObject, isUnassigned, type Json, type JsonObject } from './document.js';
import type { ComparisonOperator, ComparisonValue, Filter } from './filter.js';
import { type Attribute, type BoundAttribute, comparesCaseExact } from './schema.js';

/** PostgreSQL holds neither a NUL character nor half of a surrogate pair: a text with one matches nothing, here as there. */
export const isStorableText = (text: string): boolean => !text.includes('\u0000') && text.isWellFormed();

/** Present is what holds a leaf that is neither null nor "", at any depth: RFC 7643 2.5. */
const isPresent = (value: Json | undefined): boolean => {
  if (Array.isArray(value)) return value.some(isPresent);
  return isObject(value) ? Object.values(value).some(isPresent) : !isUnassigned(value);
};

const valuesIn = (owner: Json | undefined, attribute: Attribute): readonly Json[] => {
  const value = isObject(owner) ? owner[attribute.name] : undefined;
  if (value === undefined) return [];
  return attribute.multiValued && Array.isArray(value) ? value : [value];
};

const valuesOf = (owner: JsonObject, { extension, attribute, subAttribute }: BoundAttribute): readonly Json[] => {
  const values = valuesIn(extension === undefined ? owner : owner[extension], attribute);
  return subAttribute === undefined ? values : values.flatMap((value) => valuesIn(value, subAttribute));
};

/** By code point, which is the order of COLLATE "C" in a UTF-8 database; `<` of JavaScript goes by UTF-16 unit. */
const compareText = (a: string, b: string): number => {
  const left = [...a];
  const right = [...b];
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i += 1) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
};

type Order = Exclude<ComparisonOperator, 'ne'>;

const holds = (op: Order, difference: number): boolean => {
  switch (op) {
    case 'eq':
      return difference === 0;
    case 'gt':
      return difference > 0;
    case 'ge':
      return difference >= 0;
    case 'lt':
      return difference < 0;
    case 'le':
      return difference <= 0;
    case 'co':
    case 'sw':
    case 'ew':
      return false;
  }
};

const matchesText = (op: Order, stored: string, wanted: string): boolean => {
  switch (op) {
    case 'co':
      return stored.includes(wanted);
    case 'sw':
      return stored.startsWith(wanted);
    case 'ew':
      return stored.endsWith(wanted);
    case 'eq':
      return stored === wanted;
    case 'gt':
    case 'ge':
    case 'lt':
    case 'le':
      return holds(op, compareText(stored, wanted));
  }
};

const matchesValue = (op: Order, attribute: Attribute, stored: Json, wanted: ComparisonValue): boolean => {
  switch (attribute.type) {
    case 'string':
    case 'reference':
    case 'binary': {
      if (typeof stored !== 'string' || typeof wanted !== 'string' || isUnassigned(stored) || !isStorableText(wanted))
        return false;
      return comparesCaseExact(attribute)
        ? matchesText(op, stored, wanted)
        : matchesText(op, stored.toLowerCase(), wanted.toLowerCase());
    }
    case 'decimal':
    case 'integer':
      return typeof stored === 'number' && typeof wanted === 'number' && holds(op, stored - wanted);
    case 'boolean':
      return op === 'eq' && stored === wanted;
    case 'dateTime': {
      const instant = typeof stored === 'string' ? parseInstant(stored) : undefined;
      const other = typeof wanted === 'string' ? parseInstant(wanted) : undefined;
      return instant !== undefined && other !== undefined && holds(op, instant - other);
    }
    case 'complex':
      return false;
  }
};

const matchesComparison = (
  owner: JsonObject,
  { op, path, value }: Filter<BoundAttribute> & { readonly kind: 'compare' },
): boolean => {
  const attribute = path.subAttribute ?? path.attribute;
  const values = valuesOf(owner, path);
  if (op !== 'ne') return values.some((stored) => matchesValue(op, attribute, stored, value));
  const present = values.filter(isPresent);
  return present.length === 0 || present.some((stored) => !matchesValue('eq', attribute, stored, value));
};

/**
 * Whether a resource satisfies a filter (RFC 7644 3.4.2.2), by the same rules as the SQL of `compileFilter`:
 *
 * - of a multi-valued attribute, one value that matches is enough;
 * - `ne` is true of a value that is not equal, and where the attribute is absent;
 * - null, "", [] and {} are absent (RFC 7643 2.5); the absent is equal to nothing, so `primary eq false` wants an explicit false;
 * - text compares without case unless the attribute is caseExact, and is ordered by code point;
 * - a dateTime compares by its instant in milliseconds.
 */
export const matchesFilter = (resource: JsonObject, filter: Filter<BoundAttribute>): boolean => {
  switch (filter.kind) {
    case 'compare':
      return matchesComparison(resource, filter);
    case 'present':
      return valuesOf(resource, filter.path).some(isPresent);
    case 'not':
      return !matchesFilter(resource, filter.operand);
    case 'and':
      return filter.operands.every((operand) => matchesFilter(resource, operand));
    case 'or':
      return filter.operands.some((operand) => matchesFilter(resource, operand));
    case 'valuePath': {
      const { attribute } = filter.path;
      const fieldsOf = (element: Json): JsonObject => {
        if (attribute.type !== 'complex') return { value: element };
        return isObject(element) ? element : {};
      };
      return valuesOf(resource, filter.path).some(
        (element) => isPresent(element) && matchesFilter(fieldsOf(element), filter.filter),
      );
    }
  }
};

/**
 * Whether one element of a multi-valued attribute satisfies the filter of a value path, `emails[…]`.
 * An element that is no object is its own `value` (RFC 7643 2.4).
 */
export const matchesElement = (element: Json, filter: Filter<BoundAttribute>): boolean =>
  matchesFilter(isObject(element) ? element : { value: element }, filter);
