/** The file format of a replay: the HTTP requests of one identity provider, and what it needs back. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** `null` takes a default header away. */
export type StepHeaders = Readonly<Record<string, string | null>>;

export interface Repeat {
  readonly times: number;
  readonly variable: string;
  /** array variable -> the field of each answer that is kept in it */
  readonly collect: Readonly<Record<string, string>>;
}

export interface Expectation {
  readonly status: readonly number[];
  readonly headers: JsonObject;
  readonly body: Json | undefined;
}

export interface Step {
  readonly title: string;
  readonly method: string;
  readonly path: string;
  readonly headers: StepHeaders;
  readonly body: Json | undefined;
  readonly rawBody: string | undefined;
  readonly repeat: Repeat | undefined;
  readonly always: boolean;
  readonly expect: Expectation;
}

export interface Replay {
  readonly name: string;
  readonly sentBy: string;
  readonly source: string;
  readonly headers: StepHeaders;
  readonly vars: JsonObject;
  readonly steps: readonly Step[];
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

// Array.isArray does not narrow a readonly array out of a union.
export const isArray = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

const fields = {
  file: ['name', 'sentBy', 'source', 'assumes', 'defaults', 'vars', 'steps'],
  step: ['title', 'source', 'always', 'repeat', 'method', 'path', 'headers', 'body', 'rawBody', 'expect'],
  repeat: ['times', 'var', 'collect'],
  expect: ['status', 'headers', 'body'],
};

const object = (value: Json | undefined, what: string, allowed?: readonly string[]): JsonObject => {
  if (!isObject(value)) throw new Error(`${what} is not an object`);
  // A misspelt key would silently check nothing.
  for (const key of Object.keys(value)) {
    if (allowed && !allowed.includes(key)) throw new Error(`${what} has an unknown key "${key}"`);
  }
  return value;
};

const text = (value: Json | undefined, what: string): string => {
  if (typeof value !== 'string' || value === '') throw new Error(`${what} is not a text`);
  return value;
};

const headers = (value: Json | undefined, what: string): StepHeaders => {
  const result: Record<string, string | null> = {};
  for (const [name, header] of Object.entries(object(value ?? {}, what))) {
    result[name] = header === null ? null : text(header, `${what}.${name}`);
  }
  return result;
};

const repeat = (value: Json | undefined, what: string): Repeat | undefined => {
  if (value === undefined) return undefined;
  const given = object(value, what, fields.repeat);
  if (typeof given.times !== 'number') throw new Error(`${what}.times is not a number`);
  const collect: Record<string, string> = {};
  for (const [name, field] of Object.entries(object(given.collect ?? {}, `${what}.collect`))) {
    collect[name] = text(field, `${what}.collect.${name}`);
  }
  return { times: given.times, variable: text(given.var, `${what}.var`), collect };
};

const expectation = (value: Json | undefined, what: string): Expectation => {
  const given = object(value, what, fields.expect);
  const statuses = isArray(given.status) ? given.status : [];
  const status = statuses.filter((code): code is number => typeof code === 'number');
  if (status.length === 0 || status.length !== statuses.length) throw new Error(`${what}.status is not a list of codes`);
  return { status, headers: object(given.headers ?? {}, `${what}.headers`), body: given.body };
};

const step = (value: Json, index: number): Step => {
  const given = object(value, `step ${index + 1}`, fields.step);
  const title = text(given.title, `the title of step ${index + 1}`);
  if (given.body !== undefined && given.rawBody !== undefined) throw new Error(`"${title}" has a body and a rawBody`);
  return {
    title,
    method: text(given.method, `"${title}" method`),
    path: text(given.path, `"${title}" path`),
    headers: headers(given.headers, `"${title}" headers`),
    body: given.body,
    rawBody: given.rawBody === undefined ? undefined : text(given.rawBody, `"${title}" rawBody`),
    repeat: repeat(given.repeat, `"${title}" repeat`),
    always: given.always === true,
    expect: expectation(given.expect, `"${title}" expect`),
  };
};

/** @throws Error that names the step and the key, when the text is not a replay */
export const readReplay = (source: string): Replay => {
  const file = object(JSON.parse(source) as Json, 'the replay', fields.file);
  const name = text(file.name, 'name');
  if (!isArray(file.steps) || file.steps.length === 0) throw new Error(`${name} has no steps`);
  return {
    name,
    sentBy: text(file.sentBy, 'sentBy'),
    source: text(file.source, 'source'),
    headers: headers(object(file.defaults ?? {}, 'defaults', ['headers']).headers, 'defaults.headers'),
    vars: object(file.vars ?? {}, 'vars'),
    steps: file.steps.map(step),
  };
};
