import { ScimError } from './errors.js';
import { type Filter, parseFilter, resolveFilter } from './filter.js';
import { type Projection, readProjection } from './projection.js';
import type { BoundAttribute, ResourceType } from './schema.js';

/** A page of a list (RFC 7644 3.4.2.4): `startIndex` counts from 1, `count` is never more than the limit. */
export interface ListQuery {
  readonly filter?: Filter<BoundAttribute>;
  readonly startIndex: number;
  readonly count: number;
  readonly projection: Projection;
}

export interface ListLimits {
  /** The page where no `count` is asked for, in resources. */
  readonly defaultCount: number;
  /** The largest page, in resources; advertised as `filter.maxResults`. */
  readonly maxResults: number;
}

const MAX_INDEX = 2_147_483_647;

const readInteger = (name: string, value: string | undefined): number | undefined => {
  if (value === undefined || value.trim() === '') return undefined;
  if (!/^[+-]?\d+$/.test(value.trim()))
    throw new ScimError('invalidValue', `${name} must be a whole number, but "${value.slice(0, 40)}" was sent.`);
  return Math.min(Number(value), MAX_INDEX);
};

/**
 * Reads the query of a list. Below 1, `startIndex` is 1; below 0, `count` is 0 (RFC 7644 3.4.2.4).
 *
 * @throws {ScimError} `invalidFilter` or `invalidValue`.
 */
export const readListQuery = (
  type: ResourceType,
  query: { readonly [name: string]: string | undefined },
  limits: ListLimits,
): ListQuery => {
  const filter = query.filter;
  if (filter !== undefined && filter.trim() === '')
    throw new ScimError('invalidFilter', 'The filter is empty; leave it out to list all.');
  const count = readInteger('count', query.count) ?? limits.defaultCount;
  return {
    ...(filter === undefined ? {} : { filter: resolveFilter(type, parseFilter(filter)) }),
    startIndex: Math.max(1, readInteger('startIndex', query.startIndex) ?? 1),
    count: Math.min(Math.max(0, count), limits.maxResults),
    projection: readProjection(type, query.attributes, query.excludedAttributes),
  };
};
