import { isObject, type Json, memberOf } from './document.js';
import { ScimError } from './errors.js';

/** One operation of a PATCH request (RFC 7644 3.5.2), read but not yet bound to a schema. */
export interface PatchOperation {
  readonly op: 'add' | 'remove' | 'replace';
  readonly path?: string;
  /** undefined: none was sent, which is not the same as null. */
  readonly value?: Json | undefined;
}

/** Operations of one PATCH, in Bulk too. authentik cuts its own by `bulk.maxOperations`, which is the same. */
export const MAX_PATCH_OPERATIONS = 1000;

const OPERATIONS = ['add', 'remove', 'replace'] as const;

const readOperation = (sent: Json, index: number): PatchOperation => {
  const at = `Operations[${index}]`;
  if (!isObject(sent)) throw new ScimError('invalidSyntax', `${at} must be an object with op, path and value.`);
  const op = memberOf(sent, 'op');
  const known = OPERATIONS.find((name) => op === name);
  if (known === undefined) throw new ScimError('invalidSyntax', `${at}.op must be add, remove or replace.`);
  const path = memberOf(sent, 'path');
  if (path !== undefined && path !== null && typeof path !== 'string') {
    throw new ScimError('invalidPath', `${at}.path must be a string.`);
  }
  const value = memberOf(sent, 'value');
  if (typeof path !== 'string' || path.trim() === '') {
    if (known === 'remove') throw new ScimError('noTarget', `${at} removes nothing: a remove needs a path (RFC 7644 3.5.2.2).`);
    if (!isObject(value)) throw new ScimError('invalidValue', `${at} has no path, so its value must be an object of attributes.`);
    return { op: known, value };
  }
  if (known !== 'remove' && value === undefined) throw new ScimError('invalidValue', `${at} has no value to ${known}.`);
  return { op: known, path, value };
};

/**
 * Reads the body of a PATCH request.
 *
 * @throws {ScimError} `invalidSyntax`, `invalidPath`, `invalidValue` or `noTarget`, naming the operation by its index.
 */
export const readPatch = (body: unknown): readonly PatchOperation[] => {
  const list = isObject(body) ? memberOf(body, 'Operations') : undefined;
  if (!Array.isArray(list) || list.length === 0) {
    throw new ScimError('invalidSyntax', 'A PATCH body must have a list "Operations" with one operation at least.');
  }
  if (list.length > MAX_PATCH_OPERATIONS) {
    throw new ScimError('invalidValue', `A PATCH may have ${MAX_PATCH_OPERATIONS} operations; send the rest in another.`);
  }
  return (list as readonly Json[]).map(readOperation);
};
