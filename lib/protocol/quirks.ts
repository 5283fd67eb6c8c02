import type { JsonObject } from './document.js';
import type { CoveredQuirk, PartName, Quirk, QuirkId, RequestParts, Rewrites, RewrittenQuirk } from './quirk.js';
import { isQuirkFree, isQuirkFreeFilter } from './quirk-free.js';
import { GROUP_QUIRKS } from './quirk-rules-group.js';
import { HTTP_QUIRKS } from './quirk-rules-http.js';
import { QUERY_QUIRKS } from './quirk-rules-query.js';
import { USER_QUIRKS } from './quirk-rules-user.js';
import { USER_PATCH_QUIRKS } from './quirk-rules-user-patch.js';
import { mapOperations, rewriteValues } from './quirk-values.js';
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

const NOTHING_MET: readonly QuirkId[] = [];

const REWRITTEN = QUIRKS.filter((quirk): quirk is RewrittenQuirk => 'rewrite' in quirk);

interface Rule<Part extends PartName> {
  readonly id: QuirkId;
  readonly rewrite: NonNullable<Rewrites[Part]>;
}

const rulesOf = <Part extends PartName>(part: Part): readonly Rule<Part>[] =>
  REWRITTEN.flatMap(({ id, rewrite }) => {
    const rule = rewrite[part];
    return rule === undefined ? [] : [{ id, rewrite: rule }];
  });

/** The rules of each part in their order, so that a part is shown only to those that are about it. */
const RULES: { readonly [Part in PartName]: readonly Rule<Part>[] } = {
  body: rulesOf('body'),
  patch: rulesOf('patch'),
  value: rulesOf('value'),
  filter: rulesOf('filter'),
  names: rulesOf('names'),
  query: rulesOf('query'),
  path: rulesOf('path'),
  contentType: rulesOf('contentType'),
};
const RECOGNISED = QUIRKS.filter((quirk): quirk is CoveredQuirk => 'recognise' in quirk);

const rewritePart = <Part extends PartName>(
  part: Part,
  sent: RequestParts[Part]['value'],
  scope: RequestParts[Part]['scope'],
): Standardised<RequestParts[Part]['value']> => {
  let value = sent;
  let met: QuirkId[] | undefined;
  for (const { id, rewrite } of RULES[part]) {
    const next = rewrite(value, ...scope);
    if (next === value) continue;
    met ??= [];
    met.push(id);
    value = next;
  }
  return { value, met: met ?? NOTHING_MET };
};

const recognise = (body: JsonObject, type: ResourceType, met: Set<QuirkId>): void => {
  mapOperations(body, (operation) => {
    for (const quirk of RECOGNISED) {
      if (quirk.recognise?.(operation, type)) met.add(quirk.id);
    }
    return [operation];
  });
};

type TextPart = Exclude<PartName, 'body' | 'patch' | 'value'>;

/** Looked at before the rules are, where that is cheaper. */
const QUIRK_FREE: {
  readonly [Part in TextPart]?: (value: RequestParts[Part]['value'], ...scope: RequestParts[Part]['scope']) => boolean;
} = { filter: isQuirkFreeFilter };

/**
 * Brings a part of a request into standard form, before anything validates it.
 *
 * @returns the very same value where it is standard already, and the quirks that were met.
 */
export const standardise = <Part extends TextPart>(
  part: Part,
  value: RequestParts[Part]['value'],
  ...scope: RequestParts[Part]['scope']
): Standardised<RequestParts[Part]['value']> =>
  QUIRK_FREE[part]?.(value, ...scope) ? { value, met: NOTHING_MET } : rewritePart(part, value, scope);

/** The same of the body of a POST or PUT, or of a PATCH. What is no object is left for the readers to refuse. */
export const standardiseBody = (part: 'body' | 'patch', body: JsonObject, type: ResourceType): Standardised<JsonObject> => {
  if (isQuirkFree(part, body, type)) return { value: body, met: NOTHING_MET };
  const framed = rewritePart(part, body, [type]);
  const met = new Set(framed.met);
  const value = rewriteValues(part, framed.value, type, RULES.value, met);
  if (part === 'patch') recognise(value, type, met);
  return { value, met: [...met] };
};
