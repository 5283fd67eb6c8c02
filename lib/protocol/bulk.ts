import { isObject, type Json, memberOf } from './document.js';
import { ScimError } from './errors.js';
import { isStorableText } from './match.js';
import type { ResourceType } from './schema.js';

/** One operation of a bulk request (RFC 7644 3.7), or why it is none. */
export interface BulkOperation {
  /** As sent, for the answer. */
  readonly method: string;
  readonly bulkId: string | undefined;
  readonly version: string | undefined;
  readonly request:
    | { readonly kind: 'invalid'; readonly error: ScimError }
    | { readonly kind: 'create'; readonly type: ResourceType; readonly data: Json }
    | { readonly kind: 'replace' | 'modify'; readonly type: ResourceType; readonly id: string; readonly data: Json }
    | { readonly kind: 'delete'; readonly type: ResourceType; readonly id: string };
}

export interface BulkRequest {
  /** Errors after which the rest is left undone; undefined: never. */
  readonly failOnErrors: number | undefined;
  readonly operations: readonly BulkOperation[];
}

const REFERENCE = /^bulkId:(.+)$/i;
const QUOTED_REFERENCE = /"bulkId:([^"]+)"/gi;

const optionalText = (value: Json | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const readTarget = (
  method: string,
  path: Json | undefined,
  data: Json | undefined,
  types: readonly ResourceType[],
): BulkOperation['request'] => {
  const invalid = (error: ScimError): BulkOperation['request'] => ({ kind: 'invalid', error });
  const [, endpoint, id, rest] = typeof path === 'string' ? path.replace(/^\/?(v2\/)?/i, '/').split('/') : [];
  const type = types.find((candidate) => candidate.endpoint.slice(1).toLowerCase() === endpoint?.toLowerCase());
  if (type === undefined || rest !== undefined) {
    return invalid(new ScimError('invalidPath', 'path must be /Users or /Groups, with an id for all methods but POST.'));
  }
  const hasId = id !== undefined && id !== '';
  if (hasId && !isStorableText(id)) return invalid(new ScimError('notFound', `There is no ${type.name} with this id.`));
  switch (method.toUpperCase()) {
    case 'POST':
      if (hasId) return invalid(new ScimError('invalidPath', `A POST goes to ${type.endpoint}, without an id.`));
      return { kind: 'create', type, data: data ?? null };
    case 'PUT':
    case 'PATCH':
      if (!hasId) return invalid(new ScimError('invalidPath', `A ${method} needs an id: ${type.endpoint}/…`));
      return { kind: method.toUpperCase() === 'PUT' ? 'replace' : 'modify', type, id, data: data ?? null };
    case 'DELETE':
      if (!hasId) return invalid(new ScimError('invalidPath', `A DELETE needs an id: ${type.endpoint}/…`));
      return { kind: 'delete', type, id };
    default:
      return invalid(new ScimError('invalidSyntax', 'method must be POST, PUT, PATCH or DELETE.'));
  }
};

const readBulkOperation = (sent: Json, seen: Set<string>, types: readonly ResourceType[]): BulkOperation => {
  const object = isObject(sent) ? sent : {};
  const method = optionalText(memberOf(object, 'method')) ?? '';
  const bulkId = optionalText(memberOf(object, 'bulkId'));
  const common = { method, bulkId, version: optionalText(memberOf(object, 'version')) };
  const fail = (detail: string): BulkOperation => ({
    ...common,
    request: { kind: 'invalid', error: new ScimError('invalidValue', detail) },
  });
  if (!isObject(sent)) return fail('An operation must be an object with method and path.');
  if (bulkId !== undefined && seen.has(bulkId)) return fail(`bulkId "${bulkId.slice(0, 100)}" stands twice in the request.`);
  if (bulkId !== undefined) seen.add(bulkId);
  // RFC 7644 3.7: "bulkId … REQUIRED when method is POST".
  if (method.toUpperCase() === 'POST' && bulkId === undefined)
    return fail('A POST needs a bulkId, by which its answer is known.');
  return { ...common, request: readTarget(method, memberOf(object, 'path'), memberOf(object, 'data'), types) };
};

/**
 * Reads the body of a bulk request. What is wrong with one operation is that operation's own answer.
 *
 * @throws {ScimError} `invalidSyntax`, or `payloadTooLarge` for more operations than allowed.
 */
export const readBulk = (body: unknown, types: readonly ResourceType[], maxOperations: number): BulkRequest => {
  const operations = isObject(body) ? memberOf(body, 'Operations') : undefined;
  if (!isObject(body) || !Array.isArray(operations)) {
    throw new ScimError('invalidSyntax', 'A bulk request must be an object with a list "Operations".');
  }
  if (operations.length > maxOperations) {
    throw new ScimError(
      'payloadTooLarge',
      `The request has ${operations.length} operations; this server takes ${maxOperations} at once (maxOperations).`,
    );
  }
  const failOnErrors = memberOf(body, 'failOnErrors');
  if (failOnErrors !== undefined && failOnErrors !== null && !(Number.isInteger(failOnErrors) && Number(failOnErrors) >= 0)) {
    throw new ScimError('invalidValue', 'failOnErrors must be a whole number.');
  }
  const seen = new Set<string>();
  return {
    failOnErrors: Number(failOnErrors ?? 0) > 0 ? Number(failOnErrors) : undefined,
    operations: (operations as readonly Json[]).map((operation) => readBulkOperation(operation, seen, types)),
  };
};

/** Every string within a value, mapped. */
const mapStrings = (value: Json, map: (text: string) => string): Json => {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return (value as readonly Json[]).map((part) => mapStrings(part, map));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, part === undefined ? part : mapStrings(part, map)]));
};

/**
 * Puts ids in place of `bulkId:…` in the operation's address and data, PATCH paths included.
 *
 * @param resolve gives the id, or the text itself where no operation has that bulkId.
 */
export const resolveReferences = (
  operation: BulkOperation,
  resolve: (bulkId: string) => string | undefined,
): BulkOperation['request'] => {
  const { request } = operation;
  const inText = (text: string): string => {
    const whole = REFERENCE.exec(text)?.[1];
    if (whole !== undefined) return resolve(whole) ?? text;
    return text.replace(QUOTED_REFERENCE, (found, bulkId: string) => {
      const id = resolve(bulkId);
      return id === undefined ? found : JSON.stringify(id);
    });
  };
  switch (request.kind) {
    case 'invalid':
      return request;
    case 'create':
      return { ...request, data: mapStrings(request.data, inText) };
    case 'replace':
    case 'modify':
      return { ...request, id: inText(request.id), data: mapStrings(request.data, inText) };
    case 'delete':
      return { ...request, id: inText(request.id) };
  }
};

const referencesOf = (operation: BulkOperation): ReadonlySet<string> => {
  const found = new Set<string>();
  resolveReferences(operation, (bulkId) => {
    found.add(bulkId);
    return undefined;
  });
  return found;
};

/** An operation with the operations, by index, that must have succeeded before it. */
export interface PlannedOperation {
  readonly index: number;
  readonly operation: BulkOperation;
  readonly needs: readonly number[];
}

/**
 * Puts operations behind those that they refer to, forward references included (RFC 7644 3.7.1). Of a circle the first that was
 * sent goes first: the ids of new resources are known before anything is made, so a circle of managers needs no second step.
 */
export const planBulk = (operations: readonly BulkOperation[]): readonly PlannedOperation[] => {
  const makers = new Map<string, number>();
  operations.forEach((operation, index) => {
    if (operation.bulkId !== undefined && operation.request.kind === 'create') makers.set(operation.bulkId, index);
  });
  const needs = operations.map((operation, index) =>
    [...referencesOf(operation)].flatMap((bulkId) => makers.get(bulkId) ?? []).filter((maker) => maker !== index),
  );
  const state = new Map<number, 'open' | 'done'>();
  const plan: PlannedOperation[] = [];
  // An explicit stack: a chain of a thousand references must not be a thousand calls deep.
  for (const start of operations.keys()) {
    const stack = [start];
    while (stack.length > 0) {
      const index = stack.at(-1) ?? 0;
      const operation = operations[index];
      const wanted = needs[index] ?? [];
      if (state.get(index) === undefined) {
        state.set(index, 'open');
        stack.push(...wanted.filter((other) => state.get(other) === undefined).reverse());
      } else {
        stack.pop();
        if (state.get(index) === 'open' && operation !== undefined) {
          state.set(index, 'done');
          plan.push({ index, operation, needs: wanted.filter((other) => state.get(other) === 'done') });
        }
      }
    }
  }
  return plan;
};
