import { describe, expect, test } from '@jest/globals';
import { replayFiles } from '../conformance/replay-files.js';
import { isArray, isObject, type Json, type Step } from '../conformance/replay-format.js';
import { isKnownKey } from '../conformance/replay-matchers.js';

const madeByTheRunner = ['$rand', '$RAND', '$uuid', '$token', '$base'];

/** Every object in a value, with the value itself. */
const objectsIn = (value: Json | undefined): readonly { readonly [key: string]: Json }[] => {
  if (isArray(value)) return value.flatMap(objectsIn);
  return isObject(value) ? [value, ...Object.values(value).flatMap(objectsIn)] : [];
};

const strings = (value: Json | undefined, key: string): readonly string[] =>
  objectsIn(value).flatMap((object) => {
    const found = object[key];
    return typeof found === 'string' ? [found] : [];
  });

const used = (step: Step): readonly string[] => {
  const { path, headers, body, rawBody, expect: expected } = step;
  const placeholders = JSON.stringify([path, headers, body, rawBody, expected]).matchAll(
    /\{\{([^{}[\]|]+)(?:\[([^{}[\]|]+)\])?/g,
  );
  const names = [...placeholders].flatMap(([, name, index]) => [name, index]);
  const arrays = [...strings(body, '$each'), ...strings(body, '$slice')];
  return [...names, ...arrays].filter((name): name is string => name !== undefined && !/^\d+$/.test(name));
};

const localTo = ({ repeat, body }: Step): readonly string[] => [...(repeat ? [repeat.variable] : []), ...strings(body, 'as')];

const madeBy = ({ repeat, expect: { body } }: Step): readonly string[] => [
  ...strings(body, '$capture'),
  ...Object.keys(repeat?.collect ?? {}),
];

describe.each(replayFiles())('$file', ({ file, replay }) => {
  test('has the name of its file', () => {
    expect(`${replay.name}.json`).toBe(file);
  });

  test('uses no variable before it is made', () => {
    const made = new Set([...madeByTheRunner, ...Object.keys(replay.vars)]);
    for (const step of replay.steps) {
      const unknown = used(step).filter((name) => !made.has(name) && !localTo(step).includes(name));
      expect({ step: step.title, unknown }).toEqual({ step: step.title, unknown: [] });
      for (const name of madeBy(step)) made.add(name);
    }
  });

  test('uses no matcher that does not exist', () => {
    for (const { title, expect: expected } of replay.steps) {
      const unknown = objectsIn([expected.headers, expected.body ?? null])
        .flatMap(Object.keys)
        .filter((key) => !isKnownKey(key));
      expect({ title, unknown }).toEqual({ title, unknown: [] });
    }
  });

  test('removes at its end whatever it makes', () => {
    const creates = replay.steps.filter(({ method, path }) => method === 'POST' && /^\/+(Users|Groups)\/?(\?|$)/.test(path));
    const ids = creates.flatMap(({ expect: { body }, repeat }) => [
      ...objectsIn(body).flatMap(({ id }) => strings(id, '$capture')),
      ...Object.keys(repeat?.collect ?? {}),
    ]);
    const removed = replay.steps.filter(({ method }) => method === 'DELETE').map(({ path }) => path);
    const left = ids.filter((id) => !removed.some((path) => path.includes(`{{${id}}}`) || path.includes(`{{${id}[`)));
    expect(left).toEqual([]);
  });
});
