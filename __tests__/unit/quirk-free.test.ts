import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isObject, type Json, type JsonObject } from '../../lib/protocol/document.js';
import { PATCH_OP_URN } from '../../lib/protocol/messages.js';
import { isQuirkFree, isQuirkFreeFilter } from '../../lib/protocol/quirk-free.js';
import { QUIRKS, standardise, standardiseBody } from '../../lib/protocol/quirks.js';
import { GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';
import type { ResourceType } from '../../lib/protocol/schema.js';
import { replayFiles } from '../conformance/replay-files.js';
import { bentBody, bentFilter, bentPatch, standardBody, standardFilter, standardPatch } from './quirk-arbitraries.js';

const TYPES = [USER_RESOURCE_TYPE, GROUP_RESOURCE_TYPE];

/** A name that no schema has: a body with it is shown to all the rules, and none of them is about it. */
const STRANGER = 'shoe';

const withStranger = (part: 'body' | 'patch', body: JsonObject): JsonObject => {
  if (part === 'body') return { ...body, [STRANGER]: 1 };
  const { Operations: operations } = body;
  if (!Array.isArray(operations)) return body;
  return { ...body, Operations: (operations as readonly Json[]).map((one) => (isObject(one) ? { ...one, [STRANGER]: 1 } : one)) };
};

/** What the rules make of a body that is taken for free of quirks: nothing. */
const expectNothingToDo = (part: 'body' | 'patch', body: JsonObject, type: ResourceType): void => {
  if (!isQuirkFree(part, body, type)) return;
  const shown = withStranger(part, body);
  if (part === 'body' || (body.Operations as readonly Json[]).length > 0) expect(isQuirkFree(part, shown, type)).toBe(false);
  const { value, met } = standardiseBody(part, shown, type);
  expect(met).toEqual([]);
  expect(value).toBe(shown);
};

const U = USER_RESOURCE_TYPE.core.id;
const patch = (...operations: readonly JsonObject[]): JsonObject => ({ schemas: [PATCH_OP_URN], Operations: operations });

describe('what is taken for free of quirks', () => {
  test('is nothing to any rule: bodies and PATCHes of every kind', () => {
    for (const part of ['body', 'patch'] as const) {
      const bent = part === 'body' ? bentBody : bentPatch;
      const standard = part === 'body' ? standardBody : standardPatch;
      fc.assert(
        fc.property(
          fc.oneof(
            bent,
            standard.map(({ body }) => body),
          ),
          fc.constantFrom(...TYPES),
          (body, type) => expectNothingToDo(part, body, type),
        ),
        { numRuns: 2000 },
      );
    }
  });

  test('is nothing to any rule: one bend in a standard request', () => {
    const bend = (part: 'body' | 'patch') =>
      fc
        .tuple(part === 'body' ? standardBody : standardPatch, part === 'body' ? bentBody : bentPatch)
        .map(([{ type, body }, { schemas, Operations: operations, ...bent }]) => {
          if (part === 'body') return { type, body: { ...body, ...bent } };
          const mine = [body.Operations].flat() as readonly Json[];
          const theirs = Array.isArray(operations) ? (operations as readonly Json[]) : [];
          return {
            type,
            body: { ...body, ...(schemas === undefined ? {} : { schemas }), Operations: [...mine, ...theirs.slice(0, 1)] },
          };
        });
    for (const part of ['body', 'patch'] as const) {
      fc.assert(
        fc.property(bend(part), ({ type, body }) => expectNothingToDo(part, body as JsonObject, type)),
        { numRuns: 2000 },
      );
    }
  });

  test('is no example of a quirk that is rewritten', () => {
    for (const quirk of QUIRKS) {
      if (!('rewrite' in quirk) || typeof quirk.example === 'string') continue;
      const type = quirk.resource === 'Group' ? GROUP_RESOURCE_TYPE : USER_RESOURCE_TYPE;
      const sent = quirk.part === 'patch' && !('Operations' in quirk.example) ? patch(quirk.example) : quirk.example;
      expect([quirk.id, isQuirkFree(quirk.part === 'patch' ? 'patch' : 'body', sent, type)]).toEqual([quirk.id, false]);
    }
  });

  test('is nothing to any rule: what identity providers sent', () => {
    let looked = 0;
    for (const { replay } of replayFiles()) {
      for (const { method, path, body } of replay.steps) {
        if (!isObject(body)) continue;
        looked += 1;
        const type = /\/groups/i.test(path) ? GROUP_RESOURCE_TYPE : USER_RESOURCE_TYPE;
        expectNothingToDo(method === 'PATCH' ? 'patch' : 'body', body, type);
      }
    }
    expect(looked).toBeGreaterThan(100);
  });

  test.each<readonly [string, 'body' | 'patch', JsonObject, ResourceType]>([
    [
      'a person',
      'body',
      { schemas: [U], userName: 'a', name: { givenName: 'A' }, emails: [{ value: 'a@b', primary: true }], active: true },
      USER_RESOURCE_TYPE,
    ],
    ['a group', 'body', { displayName: 'A', members: [{ value: '7', display: '' }] }, GROUP_RESOURCE_TYPE],
    ['a suspension', 'patch', patch({ op: 'replace', path: 'active', value: false }), USER_RESOURCE_TYPE],
    ['a part of a name', 'patch', patch({ op: 'add', path: 'name.givenName', value: 'A' }), USER_RESOURCE_TYPE],
    ['new members', 'patch', patch({ op: 'add', path: 'members', value: [{ value: '7' }] }), GROUP_RESOURCE_TYPE],
    ['a member who leaves', 'patch', patch({ op: 'remove', path: 'members[value eq "7"]' }), GROUP_RESOURCE_TYPE],
  ])('is what is sent most: %s', (_name, part, body, type) => {
    expect(isQuirkFree(part, body, type)).toBe(true);
    expectNothingToDo(part, body, type);
  });
});

describe('a filter that is taken for free of quirks', () => {
  const plain = fc
    .tuple(
      fc.constantFrom(
        'userName',
        'USERNAME',
        'emails.value',
        'email',
        'Email.value',
        'manager',
        'active',
        'primary',
        'shoe',
        'urn',
      ),
      fc.constantFrom(' ', '  '),
      fc.constantFrom('eq', 'CO', 'pr', 'xx'),
      fc.oneof(fc.string(), fc.constantFrom('true', 'False', 'a@b', '"', '\\"')),
    )
    .map(([name, space, op, text]) => `${name} ${op}${space}"${text}"`);

  test('is nothing to any rule', () => {
    fc.assert(
      fc.property(
        fc.oneof(plain, bentFilter, standardFilter),
        fc.constantFrom(TYPES, [USER_RESOURCE_TYPE], [GROUP_RESOURCE_TYPE]),
        (text, types) => {
          if (!isQuirkFreeFilter(text, types)) return;
          // Parentheses take it out of the short way, and change nothing else.
          const shown = `(${text})`;
          expect(isQuirkFreeFilter(shown, types)).toBe(false);
          expect(standardise('filter', shown, types)).toEqual({ value: shown, met: [] });
        },
      ),
      { numRuns: 3000 },
    );
  });

  test.each(['userName eq "ada@example.com"', 'externalId eq "7"', 'emails.value eq "a@b"', 'displayName sw ""'])(
    'is %s',
    (filter) => {
      expect(isQuirkFreeFilter(filter, TYPES)).toBe(true);
    },
  );
});
