import { isObject, type Json } from './document.js';
import { ScimError } from './errors.js';
import { type Filter, parseFilter, resolveFilter, resolveFilterForTypes } from './filter.js';
import { type Projection, readProjection } from './projection.js';
import { type BoundAttribute, bindPath, findAttribute, type ResourceType, splitPath, subAttributesOf } from './schema.js';

/** What a list is of, and in which order. */
export interface ResourceQuery {
  readonly filter?: Filter<BoundAttribute>;
  readonly sort?: { readonly by: BoundAttribute; readonly descending: boolean };
}

/**
 * Which page: by index (RFC 7644 3.4.2.4; `startIndex` counts from 1) or by cursor (RFC 9865; empty for the first page).
 * `count` is never more than the limit; undefined with a cursor: the size that the cursor was made for.
 */
export type Paging =
  | { readonly kind: 'index'; readonly startIndex: number; readonly count: number }
  | { readonly kind: 'cursor'; readonly cursor: string; readonly count: number | undefined };

export interface ListQuery extends ResourceQuery {
  readonly paging: Paging;
  readonly projection: Projection;
}

/** The parameters as text, by their names in the RFC; from a query string or a SearchRequest. */
export type ListParameters = { readonly [name: string]: string | undefined };

export interface ListLimits {
  /** The page where no `count` is asked for, in resources. */
  readonly defaultCount: number;
  /** The largest page, in resources; advertised as `filter.maxResults` and `pagination.maxPageSize`. */
  readonly maxResults: number;
}

const MAX_INDEX = 2_147_483_647;

const readInteger = (name: string, value: string | undefined, kind: 'invalidValue' | 'invalidCount'): number | undefined => {
  if (value === undefined || value.trim() === '') return undefined;
  if (!/^[+-]?\d+$/.test(value.trim()))
    throw new ScimError(kind, `${name} must be a whole number, but "${value.slice(0, 40)}" was sent.`);
  return Math.min(Number(value), MAX_INDEX);
};

const readPaging = (parameters: ListParameters, limits: ListLimits): Paging => {
  const byCursor = parameters.cursor !== undefined;
  const asked = readInteger('count', parameters.count, byCursor ? 'invalidCount' : 'invalidValue');
  const count = asked === undefined ? undefined : Math.min(Math.max(0, asked), limits.maxResults);
  if (parameters.cursor !== undefined) return { kind: 'cursor', cursor: parameters.cursor, count };
  const startIndex = Math.max(1, readInteger('startIndex', parameters.startIndex, 'invalidValue') ?? 1);
  return { kind: 'index', startIndex, count: count ?? Math.min(limits.defaultCount, limits.maxResults) };
};

const isDescending = ({ sortOrder }: ListParameters): boolean => {
  const order = (sortOrder ?? '').trim().toLowerCase();
  if (order === 'descending') return true;
  if (order === 'ascending' || order === '') return false;
  throw new ScimError('invalidValue', 'sortOrder must be ascending or descending.');
};

/** RFC 7644 3.4.2.3. A complex attribute is sorted by its `value`; undefined for what nobody can be sorted by. */
const bindSort = (type: ResourceType, sortBy: string): BoundAttribute | undefined => {
  const bound = bindPath(type, splitPath(sortBy.trim()));
  if (bound === undefined || bound.attribute.returned === 'never') return undefined;
  if (['members', 'groups', 'schemas'].includes(bound.attribute.name)) return undefined;
  if (bound.subAttribute !== undefined || bound.attribute.type !== 'complex') return bound;
  const value = findAttribute(subAttributesOf(bound.attribute), 'value');
  return value === undefined ? undefined : { ...bound, subAttribute: value };
};

const readSorts = (types: readonly ResourceType[], parameters: ListParameters): readonly ResourceQuery['sort'][] => {
  const { sortBy } = parameters;
  if (sortBy === undefined || sortBy.trim() === '') return types.map(() => undefined);
  const descending = isDescending(parameters);
  const sorts = types.map((type) => bindSort(type, sortBy));
  if (sorts.every((by) => by === undefined)) {
    const names = types.map((type) => `a ${type.name}`).join(' or ');
    throw new ScimError('invalidValue', `sortBy "${sortBy.slice(0, 200)}" is nothing that ${names} can be sorted by.`);
  }
  return sorts.map((by) => by && { by, descending });
};

const assertFilter = (filter: string): string => {
  if (filter.trim() === '') throw new ScimError('invalidFilter', 'The filter is empty; leave it out to list all.');
  return filter;
};

/**
 * Reads the query of a list. Below 1, `startIndex` is 1; below 0, `count` is 0 (RFC 7644 3.4.2.4).
 *
 * @throws {ScimError} `invalidFilter`, `invalidValue` or `invalidCount`.
 */
export const readListQuery = (type: ResourceType, parameters: ListParameters, limits: ListLimits): ListQuery => {
  const [sort] = readSorts([type], parameters);
  const filter = parameters.filter === undefined ? undefined : resolveFilter(type, parseFilter(assertFilter(parameters.filter)));
  const paging = readPaging(parameters, limits);
  const projection = readProjection(type, parameters.attributes, parameters.excludedAttributes);
  if (filter === undefined) return sort === undefined ? { paging, projection } : { sort, paging, projection };
  return sort === undefined ? { filter, paging, projection } : { filter, sort, paging, projection };
};

/** A query over several types: one entry for each, in their order; `matches` is false where nothing of the type can match. */
export interface RootQuery {
  readonly types: readonly (ResourceQuery & { readonly matches: boolean; readonly projection: Projection })[];
  readonly isSorted: boolean;
  readonly descending: boolean;
  readonly paging: Paging;
}

/**
 * Reads the query of the root (RFC 7644 3.4.2.1).
 *
 * @throws {ScimError} as `readListQuery`.
 */
export const readRootQuery = (types: readonly ResourceType[], parameters: ListParameters, limits: ListLimits): RootQuery => {
  const { filter } = parameters;
  const filters = filter === undefined ? undefined : resolveFilterForTypes(types, parseFilter(assertFilter(filter)));
  const sorts = readSorts(types, parameters);
  return {
    types: types.map((type, index) => {
      const own = filters?.[index];
      const sort = sorts[index];
      return {
        ...(own === undefined ? {} : { filter: own }),
        ...(sort === undefined ? {} : { sort }),
        matches: filters === undefined || own !== undefined,
        projection: readProjection(type, parameters.attributes, parameters.excludedAttributes),
      };
    }),
    isSorted: sorts.some((sort) => sort !== undefined),
    descending: sorts.some((sort) => sort?.descending === true),
    paging: readPaging(parameters, limits),
  };
};

const LIST_PARAMETERS = [
  'filter',
  'startIndex',
  'count',
  'cursor',
  'attributes',
  'excludedAttributes',
  'sortBy',
  'sortOrder',
] as const;

const asText = (name: string, value: Json): string => {
  if (Array.isArray(value)) return (value as readonly Json[]).map((part) => asText(name, part)).join(',');
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw new ScimError('invalidValue', `${name} must be a string or a number.`);
};

/** Puts parameters into the RFC's spelling; of one that stands twice the first counts, unknown ones are somebody else's. */
export const nameParameters = (sent: Iterable<readonly [string, string]>): ListParameters => {
  const parameters: Record<string, string> = {};
  for (const [key, value] of sent) {
    const name = LIST_PARAMETERS.find((known) => known.toLowerCase() === key.toLowerCase());
    if (name !== undefined) parameters[name] ??= value;
  }
  return parameters;
};

/**
 * Reads a SearchRequest (RFC 7644 3.4.3), the body that stands for a query.
 *
 * @throws {ScimError} `invalidSyntax` if it is no object, `invalidValue` naming a parameter of the wrong type.
 */
export const readSearchRequest = (body: unknown): ListParameters => {
  if (!isObject(body)) throw new ScimError('invalidSyntax', 'The body must be a JSON object, a SearchRequest.');
  const sent = Object.entries(body).filter(([key]) => LIST_PARAMETERS.some((name) => name.toLowerCase() === key.toLowerCase()));
  return nameParameters(
    sent.flatMap(([key, value]) => (value === null || value === undefined ? [] : [[key, asText(key, value)] as const])),
  );
};
