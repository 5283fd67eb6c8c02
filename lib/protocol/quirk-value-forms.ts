import { findKey, isObject, isUnassigned, type Json } from './document.js';
import type { ValuePlace } from './quirk.js';
import { findAttribute, subAttributesOf } from './schema.js';

/** The forms in which values come that RFC 7643 2.3 to 2.5 writes otherwise. Each gives the very same value where the form is not met. */

/** Every boolean but `primary`, which has a quirk of its own. */
export const isFlag = ({ attribute }: ValuePlace): boolean => attribute.type === 'boolean' && attribute.name !== 'primary';
export const isPrimary = ({ attribute }: ValuePlace): boolean => attribute.type === 'boolean' && attribute.name === 'primary';

/** A boolean as a word. `lower` takes "true" and "false" alone, `mixed` every other way to write them. */
export const readWord = (value: Json, letters: 'lower' | 'mixed' | 'any'): Json => {
  if (typeof value !== 'string') return value;
  const word = value.trim().toLowerCase();
  if (word !== 'true' && word !== 'false') return value;
  return letters === 'any' || (value === word) === (letters === 'lower') ? word === 'true' : value;
};

const hasValue = ({ attribute }: ValuePlace): boolean => findAttribute(subAttributesOf(attribute), 'value') !== undefined;

/** `"7"` where `{ "value": "7" }` belongs. */
export const wrapBare = (value: Json, place: ValuePlace): Json =>
  place.expects !== 'list' && typeof value === 'string' && value !== '' && hasValue(place) ? { value } : value;

/** An object or a text where a list of them belongs. */
export const wrapSole = (value: Json, { expects }: ValuePlace): Json =>
  expects === 'list' && !isUnassigned(value) && (isObject(value) || typeof value === 'string') ? [value] : value;

/** A list of one where one complex value belongs. */
export const unwrapSole = (value: Json, { attribute, expects }: ValuePlace): Json => {
  if (expects !== 'one' || attribute.type !== 'complex' || !Array.isArray(value) || value.length !== 1) return value;
  const [sole] = value as readonly Json[];
  if (isUnassigned(sole)) return null;
  return isObject(sole) || typeof sole === 'string' ? sole : value;
};

/** `{ "value": "" }` where a reference belongs: it refers to nobody. */
export const dropEmptyReference = (value: Json, place: ValuePlace): Json => {
  if (place.attribute.multiValued || !isObject(value) || !hasValue(place)) return value;
  return value[findKey(value, 'value') ?? 'value'] === '' && isUnassigned(value) ? null : value;
};
