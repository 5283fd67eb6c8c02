import { isArray, isObject, type Json, type JsonObject } from './replay-format.js';

type Captures = Map<string, Json>;

interface Subject {
  /** where it stands in the answer, for the reason */
  readonly at: string;
  readonly actual: Json | undefined;
  readonly captures: Captures;
}

type Reasons = readonly string[];
type Matcher = (operand: Json, subject: Subject) => Reasons;

const shownLength = 300;
const holds: Reasons = [];

const show = (value: Json | undefined): string => {
  if (value === undefined) return 'nothing';
  const shown = JSON.stringify(value);
  return shown.length > shownLength ? `${shown.slice(0, shownLength)}…` : shown;
};

const but = ({ at, actual }: Subject, wanted: string): Reasons => [`${at}: ${wanted} expected, but it is ${show(actual)}`];

const list = (operand: Json, name: string): readonly Json[] => {
  if (!isArray(operand)) throw new Error(`${name} needs a list of matchers`);
  return operand;
};

const text = (operand: Json, name: string): string => {
  if (typeof operand !== 'string') throw new Error(`${name} needs a text`);
  return operand;
};

const number = (operand: Json, name: string): number => {
  if (typeof operand !== 'number') throw new Error(`${name} needs a number`);
  return operand;
};

const isMissing = (value: Json | undefined): value is null | undefined => value === undefined || value === null;

// RFC 7643 2.5: unassigned, null and the empty list are one state; IdPs treat "" and {} alike.
const isUnassigned = (value: Json | undefined): boolean =>
  isMissing(value) ||
  value === '' ||
  (isArray(value) && value.length === 0) ||
  (isObject(value) && Object.keys(value).length === 0);

const typeName = (value: Json | undefined): string => {
  if (isArray(value)) return 'array';
  return value === null ? 'null' : typeof value;
};

/** A capture inside an alternative counts only when that alternative holds. */
const attempt = (expected: Json, { at, actual, captures }: Subject): Reasons => {
  const own: Captures = new Map();
  const reasons = matchAt(expected, { at, actual, captures: own });
  if (reasons.length === 0) for (const [name, value] of own) captures.set(name, value);
  return reasons;
};

const elements = ({ at, actual, captures }: Subject): readonly Subject[] =>
  isArray(actual) ? actual.map((element, index) => ({ at: `${at}[${index}]`, actual: element, captures })) : [];

const hasElement = (subject: Subject, expected: Json): boolean =>
  elements(subject).some((element) => attempt(expected, element).length === 0);

const bounded = (subject: Subject, limit: number, name: '$gte' | '$lte'): Reasons => {
  const { actual } = subject;
  const inside = typeof actual === 'number' && (name === '$gte' ? actual >= limit : actual <= limit);
  return inside ? holds : but(subject, `${name === '$gte' ? 'at least' : 'at most'} ${limit}`);
};

const matchers: Readonly<Record<string, Matcher>> = {
  $any: (_, subject) => (isMissing(subject.actual) ? but(subject, 'any value') : holds),
  $capture: (name, subject) => {
    if (isMissing(subject.actual)) return but(subject, `a value to keep as ${show(name)}`);
    subject.captures.set(text(name, '$capture'), subject.actual);
    return holds;
  },
  $absent: (_, subject) => (isUnassigned(subject.actual) ? holds : but(subject, 'nothing')),
  $contains: (wanted, subject) => {
    if (!isArray(subject.actual)) return but(subject, 'an array');
    return list(wanted, '$contains').flatMap((element) =>
      hasElement(subject, element) ? holds : but(subject, `an element like ${show(element)}`),
    );
  },
  $excludes: (unwanted, subject) => {
    if (!isMissing(subject.actual) && !isArray(subject.actual)) return but(subject, 'an array');
    return list(unwanted, '$excludes').flatMap((element) =>
      hasElement(subject, element) ? but(subject, `no element like ${show(element)}`) : holds,
    );
  },
  $length: (length, subject) => {
    const { actual } = subject;
    const found = isMissing(actual) ? 0 : isArray(actual) ? actual.length : undefined;
    const wanted = number(length, '$length');
    // Absent equals an empty list, but is no list of n.
    return found === wanted ? holds : but(subject, `an array of ${wanted}`);
  },
  $type: (type, subject) => (typeName(subject.actual) === type ? holds : but(subject, `a value of type ${show(type)}`)),
  $match: (pattern, subject) => {
    const { actual } = subject;
    const readable = typeof actual === 'string' || typeof actual === 'number';
    return readable && new RegExp(text(pattern, '$match'), 'i').test(String(actual))
      ? holds
      : but(subject, `a match of ${show(pattern)}`);
  },
  $oneOf: (alternatives, subject) =>
    list(alternatives, '$oneOf').some((alternative) => attempt(alternative, subject).length === 0)
      ? holds
      : but(subject, `one of ${show(alternatives)}`),
  $gte: (limit, subject) => bounded(subject, number(limit, '$gte'), '$gte'),
  $lte: (limit, subject) => bounded(subject, number(limit, '$lte'), '$lte'),
  $not: (unwanted, subject) =>
    matchAt(unwanted, { ...subject, captures: new Map() }).length === 0 ? but(subject, `other than ${show(unwanted)}`) : holds,
  $ieq: (wanted, subject) => {
    const { actual } = subject;
    return typeof actual === 'string' && actual.toLowerCase() === text(wanted, '$ieq').toLowerCase()
      ? holds
      : but(subject, `${show(wanted)} in any case`);
  },
  $all: (every, subject) => list(every, '$all').flatMap((expected) => matchAt(expected, subject)),
};

const matcher = (key: string): Matcher | undefined => (Object.hasOwn(matchers, key) ? matchers[key] : undefined);

// The one SCIM attribute whose name looks like a matcher (RFC 7643 2.4).
const scimReference = '$ref';

/** Whether a key of an expectation means something; one that does not is a slip of the pen. */
export const isKnownKey = (key: string): boolean => !key.startsWith('$') || key === scimReference || matcher(key) !== undefined;

const matchObject = (expected: JsonObject, subject: Subject): Reasons => {
  const { at, actual, captures } = subject;
  const properties = Object.entries(expected).filter(([key]) => matcher(key) === undefined);
  const rules = Object.entries(expected).flatMap(([key, operand]) => matcher(key)?.(operand, subject) ?? holds);
  if (properties.length === 0 && Object.keys(expected).length > 0) return rules;
  if (!isObject(actual)) return [...rules, ...but(subject, 'an object')];
  const wrong = properties.flatMap(([key, value]) => {
    if (!isKnownKey(key)) throw new Error(`unknown matcher ${key}`);
    const own = Object.hasOwn(actual, key) ? actual[key] : undefined;
    return matchAt(value, { at: `${at}.${key}`, actual: own, captures });
  });
  return [...rules, ...wrong];
};

const matchArray = (expected: readonly Json[], subject: Subject): Reasons => {
  if (!isArray(subject.actual)) return but(subject, 'an array');
  if (subject.actual.length !== expected.length) return but(subject, `an array of ${expected.length}`);
  return elements(subject).flatMap((element, index) => matchAt(expected[index] ?? null, element));
};

const matchAt = (expected: Json, subject: Subject): Reasons => {
  if (isArray(expected)) return matchArray(expected, subject);
  if (isObject(expected)) return matchObject(expected, subject);
  return expected === subject.actual ? holds : but(subject, show(expected));
};

/**
 * Why `actual` is not what is expected; empty when it is. Captured values go to `captures`, also when something else
 * about the answer is wrong, so that a clean-up step can still name what was made.
 * @throws Error for a matcher that does not exist or has an operand of the wrong type
 */
export const mismatches = (expected: Json, actual: Json | undefined, captures: Captures, at = 'body'): Reasons =>
  matchAt(expected, { at, actual, captures });
