import type { JsonObject } from './document.js';
import type { CoveredQuirk, PartName, Quirk, QuirkId, RequestParts, RewrittenQuirk } from './quirk.js';
import { GROUP_QUIRKS } from './quirk-rules-group.js';
import { HTTP_QUIRKS } from './quirk-rules-http.js';
import { QUERY_QUIRKS } from './quirk-rules-query.js';
import { USER_QUIRKS } from './quirk-rules-user.js';
import { USER_PATCH_QUIRKS } from './quirk-rules-user-patch.js';
import { mapOperations, rewriteValues, type ValueRule } from './quirk-values.js';
import type { ResourceType } from './schema.js';

export type { QuirkId } from './quirk.js';
export { NOT_IN_REQUESTS } from './quirk-rules-http.js';

/**
 * Every quirk that a request can have, in the order of their rewrites: the frame (a list where one operation stands alone)
 * comes before what is in it, keys that are paths before the paths. Rewrites of values come after all others, for they
 * need the paths in standard form.
 */
export const QUIRKS: readonly Quirk[] = [...HTTP_QUIRKS, ...QUERY_QUIRKS, ...USER_QUIRKS, ...USER_PATCH_QUIRKS, ...GROUP_QUIRKS];

export interface Standardised<Value> {
  readonly value: Value;
  readonly met: readonly QuirkId[];
}

const REWRITTEN = QUIRKS.filter((quirk): quirk is RewrittenQuirk => 'rewrite' in quirk);
const VALUE_RULES: readonly ValueRule[] = REWRITTEN.flatMap(({ id, rewrite }) =>
  rewrite.value === undefined ? [] : [{ id, rewrite: rewrite.value }],
);
const RECOGNISED = QUIRKS.filter((quirk): quirk is CoveredQuirk => 'recognise' in quirk);

const rewritePart = <Part extends PartName>(
  part: Part,
  sent: RequestParts[Part]['value'],
  scope: RequestParts[Part]['scope'],
  met: Set<QuirkId>,
): RequestParts[Part]['value'] => {
  let value = sent;
  for (const { id, rewrite } of REWRITTEN) {
    const next = rewrite[part]?.(value, ...scope) ?? value;
    if (next !== value) met.add(id);
    value = next;
  }
  return value;
};

const recognise = (body: JsonObject, type: ResourceType, met: Set<QuirkId>): void => {
  mapOperations(body, (operation) => {
    for (const quirk of RECOGNISED) {
      if (quirk.recognise?.(operation, type)) met.add(quirk.id);
    }
    return [operation];
  });
};

/**
 * Brings a part of a request into standard form, before anything validates it.
 *
 * @returns the very same value where it is standard already, and the quirks that were met.
 */
export const standardise = <Part extends Exclude<PartName, 'body' | 'patch' | 'value'>>(
  part: Part,
  value: RequestParts[Part]['value'],
  ...scope: RequestParts[Part]['scope']
): Standardised<RequestParts[Part]['value']> => {
  const met = new Set<QuirkId>();
  return { value: rewritePart(part, value, scope, met), met: [...met] };
};

/** The same of the body of a POST or PUT, or of a PATCH. What is no object is left for the readers to refuse. */
export const standardiseBody = (part: 'body' | 'patch', body: JsonObject, type: ResourceType): Standardised<JsonObject> => {
  const met = new Set<QuirkId>();
  const value = rewriteValues(part, rewritePart(part, body, [type], met), type, VALUE_RULES, met);
  if (part === 'patch') recognise(value, type, met);
  return { value, met: [...met] };
};
