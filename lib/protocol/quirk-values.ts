import { findKey, isObject, isUnassigned, type Json, type JsonObject } from './document.js';
import { type PatchPath, parsePatchPath } from './filter.js';
import type { QuirkId, Rewrites, ValuePlace } from './quirk.js';
import { isStated } from './quirk-free.js';
import { type Attribute, coreAttributes, findAttribute, findExtension, type ResourceType, subAttributesOf } from './schema.js';

/** Walks the values of bodies and PATCHes with the rules that are about values. What no rule touches is not copied. */

export interface ValueRule {
  readonly id: QuirkId;
  readonly rewrite: NonNullable<Rewrites['value']>;
}

interface Walk {
  readonly type: ResourceType;
  readonly part: ValuePlace['part'];
  readonly rules: readonly ValueRule[];
  readonly met: Set<QuirkId>;
}

/** The list itself where every element stays what it is. */
export const mapKept = <Element>(list: readonly Element[], map: (element: Element) => Element): readonly Element[] => {
  let changed: Element[] | undefined;
  for (let index = 0; index < list.length; index += 1) {
    const element = list[index] as Element;
    const next = map(element);
    if (next === element) continue;
    changed ??= [...list];
    changed[index] = next;
  }
  return changed ?? list;
};

/** The object itself where every member stays what it is. `fromEntries`, as a key may be `__proto__`. */
const mapMembers = (object: JsonObject, map: (key: string, value: Json) => Json): JsonObject => {
  let changed: Map<string, Json> | undefined;
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value === undefined) continue;
    const next = map(key, value);
    if (next === value) continue;
    changed ??= new Map();
    changed.set(key, next);
  }
  if (changed === undefined) return object;
  const rewritten = changed;
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, rewritten.has(key) ? rewritten.get(key) : value]));
};

/** The parts of an attribute that may be stated, found once. */
const statedParts = new WeakMap<Attribute, readonly Attribute[]>();

const statedPartsOf = (attribute: Attribute): readonly Attribute[] => {
  const known = statedParts.get(attribute);
  if (known !== undefined) return known;
  const parts = subAttributesOf(attribute).filter(isStated);
  statedParts.set(attribute, parts);
  return parts;
};

const walkValue = (walk: Walk, attribute: Attribute, expects: ValuePlace['expects'], value: Json): Json => {
  const place: ValuePlace = { attribute, expects, part: walk.part, resource: walk.type.name };
  const element: ValuePlace = { ...place, expects: 'element' };
  const parts = statedPartsOf(attribute);

  const apply = (start: Json, at: ValuePlace): Json => {
    let next = start;
    for (const { id, rewrite } of walk.rules) {
      const rewritten = rewrite(next, at);
      if (rewritten !== next) walk.met.add(id);
      next = rewritten;
    }
    return next;
  };
  const descend = (object: Json): Json => {
    // The attributes of a member can't be stated, so fifty thousand of them are not looked into.
    if (parts.length === 0 || !isObject(object)) return object;
    return mapMembers(object, (key, part) => {
      const found = findAttribute(parts, key);
      return found === undefined ? part : walkValue(walk, found, found.multiValued ? 'list' : 'one', part);
    });
  };

  const whole = apply(value, place);
  if (expects === 'list' && Array.isArray(whole)) {
    return mapKept(whole as readonly Json[], (item) => descend(apply(item, element)));
  }
  return descend(whole);
};

const walkAttribute = (walk: Walk, attribute: Attribute, value: Json): Json =>
  isStated(attribute) ? walkValue(walk, attribute, attribute.multiValued ? 'list' : 'one', value) : value;

const walkExtension = (walk: Walk, attributes: readonly Attribute[], value: Json): Json =>
  isObject(value)
    ? mapMembers(value, (key, part) => {
        const attribute = findAttribute(attributes, key);
        return attribute === undefined ? part : walkAttribute(walk, attribute, part);
      })
    : value;

/** An object of attributes: a body, or the value of an operation without path. */
const walkObject = (walk: Walk, object: JsonObject): JsonObject =>
  mapMembers(object, (key, value) => {
    const attribute = findAttribute(coreAttributes(walk.type), key);
    if (attribute !== undefined) return walkAttribute(walk, attribute, value);
    const extension = findExtension(walk.type, key);
    return extension === undefined ? value : walkExtension(walk, extension.attributes, value);
  });

/** A path that can't be read is reported when the operation is applied. */
const readPath = (path: string, type: ResourceType): PatchPath => {
  try {
    return parsePatchPath(path, type);
  } catch {
    return { kind: 'unknown' };
  }
};

const walkOperation = (walk: Walk, operation: JsonObject): JsonObject => {
  const valueKey = findKey(operation, 'value');
  const value = valueKey === undefined ? undefined : operation[valueKey];
  if (valueKey === undefined || value === undefined) return operation;
  const removes = operation[findKey(operation, 'op') ?? 'op'] === 'remove';
  // A remove without a value takes all (G13), so nothing may become one (G10).
  if (removes && isUnassigned(value)) return operation;

  const walkTarget = (path: string): Json => {
    const target = readPath(path, walk.type);
    if (target.kind === 'extension') return walkExtension(walk, target.extension.attributes, value);
    if (target.kind === 'unknown') return value;
    const { attribute, subAttribute } = target.bound;
    if (removes && !attribute.multiValued) return value;
    if (!isStated(attribute)) return value;
    if (subAttribute !== undefined) return walkAttribute(walk, subAttribute, value);
    // A filter chooses elements, and the value states one.
    return target.filter === undefined ? walkAttribute(walk, attribute, value) : walkValue(walk, attribute, 'one', value);
  };
  const path = operation[findKey(operation, 'path') ?? 'path'];
  const next = typeof path === 'string' ? walkTarget(path) : isObject(value) ? walkObject(walk, value) : value;
  return next === value ? operation : { ...operation, [valueKey]: next };
};

/** The body with each of its operations mapped; one may become several. The body itself where none changed. */
export const mapOperations = (body: JsonObject, map: (operation: JsonObject) => readonly JsonObject[]): JsonObject => {
  const key = findKey(body, 'Operations');
  const list = key === undefined ? undefined : body[key];
  if (key === undefined || !Array.isArray(list)) return body;
  let changed: Json[] | undefined;
  (list as readonly Json[]).forEach((operation, index) => {
    const next = isObject(operation) ? map(operation) : [operation];
    if (changed === undefined && next.length === 1 && next[0] === operation) return;
    changed ??= list.slice(0, index);
    for (const one of next) changed.push(one);
  });
  return changed === undefined ? body : { ...body, [key]: changed };
};

/** Applies the rules about values, in their order, to every value of a body or a PATCH. */
export const rewriteValues = (
  part: 'body' | 'patch',
  body: JsonObject,
  type: ResourceType,
  rules: readonly ValueRule[],
  met: Set<QuirkId>,
): JsonObject => {
  const walk: Walk = { type, part, rules, met };
  return part === 'body' ? walkObject(walk, body) : mapOperations(body, (operation) => [walkOperation(walk, operation)]);
};
