import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Document, isObject, type Json, type JsonObject } from '../../lib/protocol/document.js';
import { includes, type Projection, project, readProjection, WHOLE } from '../../lib/protocol/projection.js';
import { ENTERPRISE_SCHEMA, USER_URN } from '../../lib/protocol/resource-schemas.js';
import { bindPath } from '../../lib/protocol/schema.js';
import { runs } from '../support/property-runs.js';
import { storedDocument, TYPE } from './patch-arbitraries.js';

/** A person as an answer would hold them whole: with what the server adds, and a password that must not be there. */
const resource: fc.Arbitrary<Document> = storedDocument.map((document) => ({
  schemas: [USER_URN],
  id: '7',
  ...document,
  password: 'secret',
  groups: [{ value: '1', display: 'x', type: 'direct' }],
  meta: { resourceType: 'User', location: 'https://unleash.example/scim/Users/7', version: 'W/"1"' },
}));

const NAMES = [
  ...[...TYPE.common, ...TYPE.core.attributes].flatMap(({ name, subAttributes }) => [
    name,
    ...(subAttributes ?? []).map((sub) => `${name}.${sub.name}`),
  ]),
  `${USER_URN}:userName`,
  `${USER_URN}:name.givenName`,
  ENTERPRISE_SCHEMA.id,
  ...TYPE.extensions.flatMap(({ id, attributes }) => attributes.map(({ name }) => `${id}:${name}`)),
  'unknown',
  'unknown.sub',
];
const spelled = fc.tuple(fc.constantFrom(...NAMES), fc.boolean()).map(([name, shouts]) => (shouts ? name.toUpperCase() : name));
const list = fc.uniqueArray(spelled, { minLength: 1, maxLength: 5 });
const projection = fc
  .tuple(list, fc.boolean())
  .map(([names, only]) =>
    only ? readProjection(TYPE, names.join(', '), undefined) : readProjection(TYPE, undefined, names.join(',')),
  );

/** Whether all that one value says is said by the other, at the same place. */
const isPart = (part: Json | undefined, whole: Json | undefined): boolean => {
  if (Array.isArray(part))
    return Array.isArray(whole) && part.length === whole.length && part.every((element, index) => isPart(element, whole[index]));
  if (isObject(part)) return isObject(whole) && Object.entries(part).every(([name, value]) => isPart(value, whole[name]));
  return part === whole;
};

const leaves = (value: Json | undefined, path = ''): readonly string[] => {
  if (Array.isArray(value)) return value.flatMap((element, index) => leaves(element, `${path}/${index}`));
  if (isObject(value)) return Object.entries(value).flatMap(([name, part]) => leaves(part, `${path}/${name}`));
  return [path];
};

describe('a projection', () => {
  test('always holds schemas and id, and never a password', () => {
    fc.assert(
      fc.property(resource, projection, (whole, chosen) => {
        const result = project(TYPE, whole, chosen);
        expect(result).toMatchObject({ schemas: whole.schemas, id: whole.id });
        expect(result).not.toHaveProperty('password');
      }),
      runs(500),
    );
  });

  test('is a part of the whole, and done twice is done once', () => {
    fc.assert(
      fc.property(resource, projection, (whole, chosen) => {
        const before = structuredClone(whole) as JsonObject;
        const once = project(TYPE, whole, chosen);
        expect(isPart(once, whole)).toBe(true);
        expect(project(TYPE, once, chosen)).toEqual(once);
        expect(whole).toEqual(before);
      }),
      runs(500),
    );
  });

  test('in other words, in any case and order, is the same', () => {
    fc.assert(
      fc.property(resource, list, fc.boolean(), (whole, names, only) => {
        const read = (text: string): Projection =>
          only ? readProjection(TYPE, text, undefined) : readProjection(TYPE, undefined, text);
        const other = [...names].reverse().map((name) => name.toLowerCase());
        expect(project(TYPE, whole, read(other.join(' , ')))).toEqual(project(TYPE, whole, read(names.join(','))));
      }),
      runs(300),
    );
  });

  test('with more names holds more, without more names holds less', () => {
    fc.assert(
      fc.property(resource, list, list, (whole, some, more) => {
        const few = some.join(',');
        const many = [...some, ...more].join(',');
        expect(
          isSubset(
            project(TYPE, whole, readProjection(TYPE, few, undefined)),
            project(TYPE, whole, readProjection(TYPE, many, undefined)),
          ),
        ).toBe(true);
        expect(
          isSubset(
            project(TYPE, whole, readProjection(TYPE, undefined, many)),
            project(TYPE, whole, readProjection(TYPE, undefined, few)),
          ),
        ).toBe(true);
      }),
      runs(300),
    );
  });

  test('shares what it names between "attributes" and "excludedAttributes"', () => {
    fc.assert(
      fc.property(resource, list, (whole, names) => {
        const { password: _password, ...shown } = whole;
        const only = leaves(project(TYPE, whole, readProjection(TYPE, names.join(','), undefined)));
        const rest = leaves(project(TYPE, whole, readProjection(TYPE, undefined, names.join(','))));
        expect([...new Set([...only, ...rest])].sort()).toEqual([...leaves(shown)].sort());
        const both = only.filter((leaf) => rest.includes(leaf));
        expect(both.every((leaf) => /^\/(schemas|id)(\/|$)/.test(leaf))).toBe(true);
      }),
      runs(500),
    );
  });

  test('says beforehand whether it will hold an attribute', () => {
    fc.assert(
      fc.property(resource, projection, fc.constantFrom('groups', 'emails', 'displayName'), (whole, chosen, name) => {
        const bound = bindPath(TYPE, { name });
        if (bound !== undefined && !includes(chosen, bound)) expect(project(TYPE, whole, chosen)).not.toHaveProperty(name);
      }),
      runs(300),
    );
  });

  test('of nothing chosen leaves the resource whole', () => {
    fc.assert(
      fc.property(resource, (whole) => {
        expect(project(TYPE, whole, readProjection(TYPE, ' ', undefined))).toEqual(project(TYPE, whole, WHOLE));
      }),
      runs(50),
    );
  });
});

const isSubset = (small: Document, large: Document): boolean => {
  const known = new Set(leaves(large));
  return leaves(small).every((leaf) => known.has(leaf));
};
