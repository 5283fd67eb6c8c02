import type { Json, JsonObject } from '../../lib/protocol/document.js';
import type { Attribute, ResourceType } from '../../lib/protocol/schema.js';

/**
 * RFC 7644 3.5.2 word by word, on the whole resource, one operation after the other: slow, without a parser, and sharing no line
 * with what it is compared with. Paths come as the parts that they were written from.
 */

export type Condition =
  | {
      readonly kind: 'is';
      readonly sub: string;
      readonly op: 'eq' | 'ne' | 'co' | 'sw' | 'ew' | 'pr';
      readonly value?: string | number | boolean;
    }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly inner: Condition };

export interface Target {
  /** Of the extension that has the attribute. */
  readonly urn?: string;
  readonly attribute: Attribute;
  readonly where?: Condition;
  readonly sub?: Attribute;
}

export interface Step {
  readonly op: 'add' | 'replace' | 'remove';
  /** undefined: no path, the value is an object of attributes. */
  readonly target?: Target;
  readonly value?: Json;
}

export type Outcome = { readonly document: JsonObject } | { readonly error: 'noTarget' | 'mutability' };

class Refused extends Error {
  constructor(readonly kind: 'noTarget' | 'mutability') {
    super(kind);
  }
}

type Bag = { [name: string]: Json | undefined };

const isBag = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: Json | undefined): Json[] =>
  Array.isArray(value) ? [...(value as readonly Json[])] : value === undefined ? [] : [value];

/** RFC 7643 2.5: what is null, empty, or made of nothing else, is not there. */
const assigned = (value: Json | undefined): Json | undefined => {
  if (value === undefined || value === null || value === '') return undefined;
  if (Array.isArray(value)) {
    const kept = listOf(value).flatMap((element) => assigned(element) ?? []);
    return kept.length === 0 ? undefined : kept;
  }
  if (!isBag(value)) return value;
  const kept = Object.entries(value).flatMap(([name, part]) => {
    const present = assigned(part);
    return present === undefined ? [] : [[name, present] as const];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
};

const sorted = (value: Json | undefined): Json | undefined => {
  if (Array.isArray(value)) return listOf(value).map((element) => sorted(element) ?? null);
  if (!isBag(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name])]),
  );
};
const same = (a: Json | undefined, b: Json | undefined): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
const isIn = (list: readonly Json[], element: Json): boolean => list.some((other) => same(other, element));

const compare = (
  stored: Json | undefined,
  op: string,
  wanted: string | number | boolean | undefined,
  exact: boolean,
): boolean => {
  if (op === 'pr') return stored !== undefined;
  if (op === 'ne') return !compare(stored, 'eq', wanted, exact);
  if (typeof stored !== 'string' || typeof wanted !== 'string') return op === 'eq' && stored === wanted;
  const [a, b] = exact ? [stored, wanted] : [stored.toLowerCase(), wanted.toLowerCase()];
  if (op === 'eq') return a === b;
  if (op === 'co') return a.includes(b);
  return op === 'sw' ? a.startsWith(b) : a.endsWith(b);
};

const holds = (condition: Condition, element: Json, attribute: Attribute): boolean => {
  switch (condition.kind) {
    case 'and':
      return holds(condition.left, element, attribute) && holds(condition.right, element, attribute);
    case 'or':
      return holds(condition.left, element, attribute) || holds(condition.right, element, attribute);
    case 'not':
      return !holds(condition.inner, element, attribute);
    case 'is': {
      // RFC 7643 2.4: the elements of a plain list are their own "value".
      const stored = isBag(element) ? element[condition.sub] : element;
      const definition = attribute.subAttributes?.find((sub) => sub.name === condition.sub) ?? attribute;
      const exact = definition.caseExact || definition.type === 'binary' || definition.type === 'reference';
      return compare(stored, condition.op, condition.value, exact);
    }
  }
};

/** 3.5.2: one that is newly primary takes it from the others; RFC 7643 2.4: one at most is, and no value stands twice. */
const settle = (elements: readonly Json[], fresh: readonly Json[]): Json[] => {
  const claimed = fresh.some((element) => isBag(element) && element.primary === true);
  let taken = false;
  const result: Json[] = [];
  for (const element of elements) {
    const isPrimary = isBag(element) && element.primary === true;
    const loses = isPrimary && (taken || (claimed && !fresh.includes(element)));
    const settled = loses ? { ...element, primary: false } : element;
    if (isIn(result, settled)) continue;
    if (isPrimary && !loses) taken = true;
    result.push(settled);
  }
  return result;
};

const put = (holder: Bag, attribute: Attribute, value: Json | undefined): void => {
  const present = assigned(value);
  // 3.5.2.2: "If an attribute … is required … and removed … scimType mutability".
  if (present === undefined && attribute.required) throw new Refused('mutability');
  if (present === undefined) delete holder[attribute.name];
  else holder[attribute.name] = present;
};

/** The sub-attributes that the value names; the others stay as they are (3.5.2.1, 3.5.2.3). To add nothing changes nothing. */
const overlay = (before: Json | undefined, op: Step['op'], value: JsonObject): JsonObject => {
  const named = Object.entries(value).filter(([, part]) => op === 'replace' || assigned(part) !== undefined);
  return { ...(isBag(before) ? before : {}), ...Object.fromEntries(named) };
};

const writeAttribute = (holder: Bag, op: 'add' | 'replace', attribute: Attribute, value: Json | undefined): void => {
  const before = holder[attribute.name];
  if (attribute.multiValued) {
    const sent = listOf(assigned(value));
    if (op === 'replace') {
      put(holder, attribute, settle(sent, sent));
      return;
    }
    const fresh = sent.filter((element) => !isIn(listOf(before), element));
    // 3.5.2.1: "If the value already exists, no changes SHOULD be made".
    if (fresh.length > 0) put(holder, attribute, settle([...listOf(before), ...fresh], fresh));
  } else if (attribute.type === 'complex' && isBag(value)) {
    put(holder, attribute, overlay(before, op, value));
  } else if (op === 'replace' || assigned(value) !== undefined) {
    put(holder, attribute, value);
  }
};

const withoutSub = (element: Json, sub: Attribute): Json =>
  isBag(element) ? Object.fromEntries(Object.entries(element).filter(([name]) => name !== sub.name)) : element;

const writeSub = (holder: Bag, { attribute, sub }: Target & { readonly sub: Attribute }, step: Step): void => {
  const change = (element: Json): Json =>
    step.op === 'remove' ? withoutSub(element, sub) : overlay(element, step.op, { [sub.name]: step.value });
  const before = holder[attribute.name];
  if (step.op === 'add' && assigned(step.value) === undefined) return;
  if (!attribute.multiValued) {
    put(holder, attribute, change(before ?? {}));
    return;
  }
  const elements = listOf(before);
  const changed = (elements.length === 0 ? [{}] : elements).map((element) => assigned(change(element)) ?? null);
  const kept = changed.filter((element) => element !== null);
  put(holder, attribute, settle(kept, kept));
};

const writeSelected = (holder: Bag, { attribute, sub }: Target, where: Condition, step: Step): void => {
  const elements = listOf(holder[attribute.name]);
  const isChosen = (element: Json): boolean => holds(where, element, attribute);
  if (!elements.some(isChosen)) {
    // 3.12: noTarget is for a filter that yields no match; to remove what is not there changes nothing.
    if (step.op === 'remove') return;
    throw new Refused('noTarget');
  }
  if (step.op === 'add' && assigned(step.value) === undefined) return;
  const fresh: Json[] = [];
  const kept = elements.flatMap((element): Json[] => {
    if (!isChosen(element)) return [element];
    if (step.op === 'remove' && sub === undefined) return [];
    let changed: Json | undefined;
    if (sub !== undefined)
      changed = step.op === 'remove' ? withoutSub(element, sub) : overlay(element, step.op, { [sub.name]: step.value });
    // 3.5.2.3: "all matching record values SHALL be replaced"; 3.5.2.1 adds to them.
    else changed = step.op === 'add' && isBag(element) && isBag(step.value) ? overlay(element, 'add', step.value) : step.value;
    const present = assigned(changed);
    if (present === undefined) return [];
    fresh.push(present);
    return [present];
  });
  put(holder, attribute, settle(kept, step.op === 'remove' ? [] : fresh));
};

const writeExtension = (document: Bag, op: 'add' | 'replace', extension: ResourceType['core'], value: Json | undefined): void => {
  if (!isBag(value)) {
    if (op === 'replace') delete document[extension.id];
    return;
  }
  const current = document[extension.id];
  const holder: Bag = isBag(current) ? { ...current } : {};
  for (const [name, part] of Object.entries(value)) {
    const attribute = extension.attributes.find((candidate) => candidate.name === name);
    if (attribute !== undefined) writeAttribute(holder, op, attribute, part);
  }
  document[extension.id] = holder;
};

const perform = (document: Bag, step: Step, type: ResourceType): void => {
  const { target, op } = step;
  if (target === undefined) {
    if (op === 'remove') throw new Refused('noTarget');
    for (const [name, value] of Object.entries(isBag(step.value) ? step.value : {})) {
      const extension = type.extensions.find(({ id }) => id === name);
      const attribute = [...type.common, ...type.core.attributes].find((candidate) => candidate.name === name);
      if (extension !== undefined) writeExtension(document, op, extension, value);
      else if (attribute !== undefined) writeAttribute(document, op, attribute, value);
    }
    return;
  }
  if (target.attribute.mutability === 'readOnly' || target.sub?.mutability === 'readOnly') throw new Refused('mutability');
  const current = target.urn === undefined ? undefined : document[target.urn];
  const holder: Bag = target.urn === undefined ? document : { ...(isBag(current) ? current : {}) };
  if (target.where !== undefined) writeSelected(holder, target, target.where, step);
  else if (target.sub !== undefined) writeSub(holder, { ...target, sub: target.sub }, step);
  else if (op === 'remove') put(holder, target.attribute, undefined);
  else writeAttribute(holder, op, target.attribute, step.value);
  if (target.urn !== undefined) document[target.urn] = holder;
};

/** What the resource is after all steps, or the error of the first one that fails. */
export const naivePatch = (document: JsonObject, steps: readonly Step[], type: ResourceType): Outcome => {
  const next: Bag = structuredClone(document) as Bag;
  try {
    for (const step of steps) perform(next, structuredClone(step) as Step, type);
  } catch (error) {
    if (error instanceof Refused) return { error: error.kind };
    throw error;
  }
  return { document: (assigned(next) ?? {}) as JsonObject };
};
