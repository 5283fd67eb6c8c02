import { toIsoInstant } from './date-time.js';
import { ScimError } from './errors.js';
import { type ComparisonValue, type Filter, parsePathExpression, shown } from './filter-syntax.js';
import type { ComparisonOperator } from './filter-tokens.js';
import {
  type Attribute,
  type AttributePath,
  type AttributeType,
  type BoundAttribute,
  bindPath,
  findAttribute,
  findExtension,
  type ResourceType,
  type Schema,
  subAttributesOf,
} from './schema.js';

export {
  type ComparisonValue,
  type Filter,
  formatFilter,
  MAX_FILTER_ELEMENT_TERMS,
  MAX_FILTER_LENGTH,
  MAX_FILTER_NESTING,
  MAX_FILTER_TERMS,
  parseFilter,
} from './filter-syntax.js';
export type { ComparisonOperator } from './filter-tokens.js';

type Bind = (path: AttributePath) => BoundAttribute | undefined;

const EQUALITY: readonly ComparisonOperator[] = ['eq', 'ne'];
const ORDER: readonly ComparisonOperator[] = [...EQUALITY, 'gt', 'ge', 'lt', 'le'];
const TEXT: readonly ComparisonOperator[] = [...ORDER, 'co', 'sw', 'ew'];

// RFC 7644 3.4.2.2, table 3: order is for text, numbers and time; "boolean and binary attributes SHALL cause a failed response".
const OPERATORS: Readonly<Record<AttributeType, readonly ComparisonOperator[]>> = {
  string: TEXT,
  reference: TEXT,
  decimal: ORDER,
  integer: ORDER,
  dateTime: ORDER,
  boolean: EQUALITY,
  binary: EQUALITY,
  complex: [],
};

const invalid = (detail: string): ScimError => new ScimError('invalidFilter', detail);

const written = (path: AttributePath): string =>
  shown(`${path.urn === undefined ? '' : `${path.urn}:`}${path.name}${path.sub === undefined ? '' : `.${path.sub}`}`);

/** The sub-attributes that a value path may speak of; the elements of a plain list are their own `value` (RFC 7643 2.4). */
const elementAttributes = (attribute: Attribute): readonly Attribute[] => {
  if (attribute.type === 'complex') return subAttributesOf(attribute);
  return attribute.multiValued ? [{ ...attribute, name: 'value', multiValued: false }] : [];
};

const bindElementPath =
  (attribute: Attribute): Bind =>
  (path) => {
    if (path.urn !== undefined || path.sub !== undefined) return undefined;
    const found = findAttribute(elementAttributes(attribute), path.name);
    return found && { attribute: found };
  };

const bindOrFail = (path: AttributePath, bind: Bind): BoundAttribute => {
  const bound = bind(path);
  if (bound === undefined) throw invalid(`There is no attribute "${written(path)}" to filter by.`);
  // RFC 7643 7: an attribute that is never returned may not be used in a filter, as the answer would tell its value.
  if (bound.attribute.returned === 'never' || bound.subAttribute?.returned === 'never') {
    throw invalid(`"${written(path)}" cannot be filtered by.`);
  }
  return bound;
};

const withValue = (bound: BoundAttribute): BoundAttribute => {
  if (bound.subAttribute !== undefined || bound.attribute.type !== 'complex') return bound;
  const value = findAttribute(subAttributesOf(bound.attribute), 'value');
  return value === undefined ? bound : { ...bound, subAttribute: value };
};

const coerce = (type: AttributeType, value: ComparisonValue): ComparisonValue | undefined => {
  switch (type) {
    case 'string':
    case 'reference':
    case 'binary':
      return typeof value === 'string' ? value : undefined;
    case 'decimal':
    case 'integer':
      return typeof value === 'number' ? value : undefined;
    case 'dateTime':
      return typeof value === 'string' ? toIsoInstant(value) : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'complex':
      return undefined;
  }
};

const EXPECTED: Readonly<Record<AttributeType, string>> = {
  string: 'a string in quotation marks',
  reference: 'a URI in quotation marks',
  binary: 'base64 in quotation marks',
  decimal: 'a number',
  integer: 'a number',
  dateTime: 'a dateTime such as "2026-07-21T09:00:00Z"',
  boolean: 'true or false',
  complex: 'nothing: only "pr" applies to it, or name one of its sub-attributes',
};

const resolveComparison = (filter: Filter<AttributePath> & { readonly kind: 'compare' }, bind: Bind): Filter<BoundAttribute> => {
  const path = withValue(bindOrFail(filter.path, bind));
  const { type } = path.subAttribute ?? path.attribute;
  const name = written(filter.path);
  const allowed = OPERATORS[type];
  if (!allowed.includes(filter.op)) {
    const instead = allowed.length === 0 ? 'pr; or name one of its sub-attributes' : [...allowed, 'pr'].join(', ');
    throw invalid(`"${name}" (${type}) cannot be compared with "${filter.op}"; it takes ${instead}.`);
  }
  const value = coerce(type, filter.value);
  if (value === undefined) {
    throw invalid(
      `"${name}" (${type}) cannot be compared with ${shown(JSON.stringify(filter.value))}: expected ${EXPECTED[type]}.`,
    );
  }
  return { kind: 'compare', op: filter.op, path, value };
};

const resolve = (filter: Filter<AttributePath>, bind: Bind): Filter<BoundAttribute> => {
  switch (filter.kind) {
    case 'compare':
      return resolveComparison(filter, bind);
    case 'present':
      return { kind: 'present', path: bindOrFail(filter.path, bind) };
    case 'not':
      return { kind: 'not', operand: resolve(filter.operand, bind) };
    case 'and':
    case 'or':
      return { kind: filter.kind, operands: filter.operands.map((operand) => resolve(operand, bind)) };
    case 'valuePath': {
      const path = bindOrFail(filter.path, bind);
      if (path.subAttribute !== undefined || elementAttributes(path.attribute).length === 0) {
        throw invalid(`"${written(filter.path)}" has no elements that a filter in [ ] could choose from.`);
      }
      return { kind: 'valuePath', path, filter: resolve(filter.filter, bindElementPath(path.attribute)) };
    }
  }
};

/**
 * Binds a parsed filter to a resource type: every name to its attribute, every value to the attribute's type
 * (a dateTime to its UTC instant in ISO notation).
 * A comparison with a complex attribute is one with its `value` (RFC 7644 3.4.2.2: `emails co "example.com"`).
 * In the filter of a value path, `attribute` of a path is the sub-attribute of the element, and `subAttribute` is never set.
 *
 * @throws ScimError `invalidFilter` for an unknown attribute, an operator or a value that its type does not have.
 */
export const resolveFilter = (type: ResourceType, filter: Filter<AttributePath>): Filter<BoundAttribute> =>
  resolve(filter, (path) => bindPath(type, path));

/** How many conditions a filter has. */
export const countTerms = (filter: Filter<unknown>): number => {
  switch (filter.kind) {
    case 'compare':
    case 'present':
      return 1;
    case 'not':
      return countTerms(filter.operand);
    case 'valuePath':
      return countTerms(filter.filter);
    case 'and':
    case 'or':
      return filter.operands.reduce((sum, operand) => sum + countTerms(operand), 0);
  }
};

/** What a PATCH path points to. */
export type PatchPath =
  | {
      readonly kind: 'attribute';
      /** With `subAttribute` for `name.givenName` and for `emails[…].value` alike. */
      readonly bound: BoundAttribute;
      /** Chooses elements of `bound.attribute`; its paths are bound as in the value paths of `resolveFilter`. */
      readonly filter?: Filter<BoundAttribute>;
    }
  | { readonly kind: 'extension'; readonly extension: Schema }
  | { readonly kind: 'unknown' };

/**
 * Reads and binds the path of a PATCH operation (RFC 7644 3.5.2). A name that no schema has is `unknown` rather than an error:
 * whether to ignore it or to refuse it is for the caller to decide.
 *
 * @throws ScimError `invalidPath` for a path that cannot be read, `invalidFilter` for a value filter that cannot.
 */
export const parsePatchPath = (text: string, type: ResourceType): PatchPath => {
  const extension = findExtension(type, text.trim());
  if (extension !== undefined) return { kind: 'extension', extension };
  const { path, filter, sub } = parsePathExpression(text);
  const parent = bindPath(type, path);
  if (parent === undefined) return { kind: 'unknown' };
  if (filter === undefined) return { kind: 'attribute', bound: parent };
  if (parent.subAttribute !== undefined || elementAttributes(parent.attribute).length === 0) {
    throw new ScimError('invalidPath', `The path "${shown(text.trim())}" filters an attribute that has no elements.`);
  }
  const resolved = resolve(filter, bindElementPath(parent.attribute));
  if (sub === undefined) return { kind: 'attribute', bound: parent, filter: resolved };
  const subAttribute = findAttribute(subAttributesOf(parent.attribute), sub);
  if (subAttribute === undefined) return { kind: 'unknown' };
  return { kind: 'attribute', bound: { ...parent, subAttribute }, filter: resolved };
};

/** What is left of a filter where some names mean nothing: a term of which nobody knows whether it is true makes no resource match. */
const prune = (filter: Filter<AttributePath>, isKnown: (path: AttributePath) => boolean): Filter<AttributePath> | undefined => {
  switch (filter.kind) {
    case 'compare':
    case 'present':
    case 'valuePath':
      return isKnown(filter.path) ? filter : undefined;
    case 'not': {
      const operand = prune(filter.operand, isKnown);
      return operand && { kind: 'not', operand };
    }
    case 'and': {
      const operands = filter.operands.map((operand) => prune(operand, isKnown));
      return operands.every((operand) => operand !== undefined) ? { kind: 'and', operands } : undefined;
    }
    case 'or': {
      const operands = filter.operands.flatMap((operand) => prune(operand, isKnown) ?? []);
      return operands.length > 1 ? { kind: 'or', operands } : operands[0];
    }
  }
};

/**
 * Binds a filter of a query over several resource types (RFC 7644 3.4.2.1): one on an attribute of one type matches only that type.
 *
 * @returns for each type its filter, undefined where nothing of the type can match.
 * @throws ScimError `invalidFilter` as `resolveFilter`, for a name that none of the types has.
 */
export const resolveFilterForTypes = (
  types: readonly ResourceType[],
  filter: Filter<AttributePath>,
): readonly (Filter<BoundAttribute> | undefined)[] => {
  const knows = (type: ResourceType, path: AttributePath): boolean => bindPath(type, path) !== undefined;
  return types.map((type) => {
    const pruned = prune(filter, (path) => knows(type, path) || !types.some((other) => knows(other, path)));
    return pruned && resolveFilter(type, pruned);
  });
};
