import { isObject, type Json } from './document.js';

/** The elements of a multi-valued attribute (RFC 7643 2.4), of none where it is unassigned. */
export const asElements = (value: Json | undefined): readonly Json[] => {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
};

/** RFC 7644 3.5.2: "if the primary of a new value is true, the others become false". The elements at `winners` keep theirs. */
export const switchPrimary = (elements: readonly Json[], winners: ReadonlySet<Json>): Json[] => {
  const claims = elements.some((element) => winners.has(element) && isObject(element) && element.primary === true);
  if (!claims) return [...elements];
  return elements.map((element) =>
    !winners.has(element) && isObject(element) && element.primary === true ? { ...element, primary: false } : element,
  );
};
