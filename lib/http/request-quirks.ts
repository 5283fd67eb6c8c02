import type { RequestHandler, Response } from 'express';
import type { BulkRequest } from '../protocol/bulk.js';
import { isObject, type Json } from '../protocol/document.js';
import type { ListParameters } from '../protocol/list-query.js';
import { type QuirkId, type Standardised, standardise, standardiseBody } from '../protocol/quirks.js';
import type { ResourceType } from '../protocol/schema.js';

const NONE: ReadonlySet<QuirkId> = new Set();

/** The part of a request in standard form; which quirks it met is kept beside the answer, for whoever tells of the request. */
const remember = <Value>(response: Response, { value, met }: Standardised<Value>): Value => {
  if (met.length > 0) response.locals.quirks = new Set([...quirksMet(response), ...met]);
  return value;
};

/** What the request met so far; all of it once its body is read. */
export const quirksMet = (response: Response): ReadonlySet<QuirkId> => {
  const { quirks } = response.locals;
  return quirks instanceof Set ? quirks : NONE;
};

export const standardPath = (response: Response, path: string): string => remember(response, standardise('path', path));

/** With its question mark, or empty. */
export const standardQuery = (response: Response, query: string): string => remember(response, standardise('query', query));

export const standardContentType = (response: Response, header: string): string =>
  remember(response, standardise('contentType', header));

export const standardParameters = (
  response: Response,
  types: readonly ResourceType[],
  parameters: ListParameters,
): ListParameters => {
  const names = (list: string): string => remember(response, standardise('names', list, types));
  const { filter, attributes, excludedAttributes, sortBy } = parameters;
  const standard: Record<string, string | undefined> = { ...parameters };
  if (filter !== undefined) standard.filter = remember(response, standardise('filter', filter, types));
  if (attributes !== undefined) standard.attributes = names(attributes);
  if (excludedAttributes !== undefined) standard.excludedAttributes = names(excludedAttributes);
  if (sortBy !== undefined) standard.sortBy = names(sortBy);
  return standard;
};

const standardData = (response: Response, part: 'body' | 'patch', data: Json, type: ResourceType): Json =>
  isObject(data) ? remember(response, standardiseBody(part, data, type)) : data;

/** Between the parser and the contract. */
export const standardBody =
  (part: 'body' | 'patch', type: ResourceType): RequestHandler =>
  (request, response, next) => {
    request.body = standardData(response, part, request.body, type);
    next();
  };

/** The operations of a bulk request, each with its data in standard form. */
export const standardBulk = (response: Response, bulk: BulkRequest): BulkRequest => ({
  ...bulk,
  operations: bulk.operations.map((operation) => {
    const { request } = operation;
    if (request.kind === 'invalid' || request.kind === 'delete') return operation;
    const part = request.kind === 'modify' ? 'patch' : 'body';
    return { ...operation, request: { ...request, data: standardData(response, part, request.data, request.type) } };
  }),
});
