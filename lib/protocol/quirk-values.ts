import { findKey, isObject, isUnassigned, type Json, type JsonObject } from './document.js';
import { type PatchPath, parsePatchPath } from './filter.js';
import type { QuirkId, Rewrites, ValuePlace } from './quirk.js';
import { type Attribute, bindPath, findAttribute, findExtension, type ResourceType } from './schema.js';

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
  list.forEach((element, index) => {
    const next = map(element);
    if (next === element) return;
    changed ??= [...list];
    changed[index] = next;
  });
  return changed ?? list;
};

type Member = readonly [key: string, value: Json | undefined];

/** The object itself where every member stays what it is. `fromEntries`, as a key may be `__proto__`. */
const mapMembers = (object: JsonObject, map: (key: string, value: Json) => Json): JsonObject => {
  const entries: readonly Member[] = Object.entries(object);
  const mapped = mapKept(entries, (entry): Member => {
    const [key, value] = entry;
    const next = value === undefined ? undefined : map(key, value);
    return next === value ? entry : [key, next];
  });
  return mapped === entries ? object : Object.fromEntries(mapped);
};

const isStated = ({ mutability, returned, name }: Attribute): boolean =>
  mutability === 'readWrite' && returned !== 'never' && name !== 'schemas';

const walkValue = (walk: Walk, attribute: Attribute, expects: ValuePlace['expects'], value: Json): Json => {
  const place: ValuePlace = { attribute, expects, part: walk.part, resource: walk.type.name };
  const element: ValuePlace = { ...place, expects: 'element' };
  const parts = (attribute.subAttributes ?? []).filter(isStated);

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
    const extension = findExtension(walk.type, key);
    if (extension !== undefined) return walkExtension(walk, extension.attributes, value);
    const attribute = bindPath(walk.type, { name: key })?.attribute;
    return attribute === undefined ? value : walkAttribute(walk, attribute, value);
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
  let changed = false;
  const mapped = (list as readonly Json[]).flatMap((operation): readonly Json[] => {
    if (!isObject(operation)) return [operation];
    const next = map(operation);
    changed ||= next.length !== 1 || next[0] !== operation;
    return next;
  });
  return changed ? { ...body, [key]: mapped } : body;
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
