import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isoOf } from '../../lib/protocol/date-time.js';
import { canonical, type Document, equalValues, isObject, type Json } from '../../lib/protocol/document.js';
import { listResponse, type PageMarks, type StoredResource } from '../../lib/protocol/messages.js';
import { type Projection, project, readProjection, WHOLE } from '../../lib/protocol/projection.js';
import { listJson, resourceJson } from '../../lib/protocol/resource-json.js';
import { GROUP_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';
import type { ResourceType } from '../../lib/protocol/schema.js';
import { runs } from '../support/property-runs.js';
import { storedDocument, TYPE } from './patch-arbitraries.js';

const BASE_URL = 'https://unleash.example/scim';

const referring = (elements: Json | undefined, endpoint: string): Json | undefined =>
  Array.isArray(elements)
    ? (elements as readonly Json[]).map((element) =>
        isObject(element) && typeof element.value === 'string'
          ? { ...element, $ref: `${BASE_URL}${endpoint}/${encodeURIComponent(element.value)}` }
          : element,
      )
    : elements;

/** An answer put together as an object, attribute by attribute, what is JSON already read again. */
const naiveAnswer = (type: ResourceType, resource: StoredResource, projection: Projection): Document => {
  const raw = Object.fromEntries(Object.entries(resource.raw ?? {}).map(([name, json]) => [name, JSON.parse(json) as Json]));
  const { document } = resource;
  const whole: Document = {
    schemas: [type.core.id, ...type.extensions.map(({ id }) => id).filter((id) => document[id] !== undefined)],
    id: resource.id,
    ...document,
    ...(document.members === undefined ? {} : { members: referring(document.members, '/Users') }),
    ...(document.groups === undefined ? {} : { groups: referring(document.groups, '/Groups') }),
    ...raw,
    meta: {
      resourceType: type.name,
      created: resource.created.toISOString(),
      lastModified: resource.lastModified.toISOString(),
      location: `${BASE_URL}${type.endpoint}/${encodeURIComponent(resource.id)}`,
      version: `W/"${resource.version}"`,
    },
  };
  return project(type, whole, projection);
};

const id = fc.oneof(fc.uuid(), fc.constantFrom('', 'ä/ö', '%', '"', '\\', 'a b', 'ünï:1', '__proto__'));
const text = fc.oneof(fc.string(), fc.constantFrom('Ada', '"', '\\', '\u2028', '😀', '\u0007'));
const date = fc.date({ noInvalidDate: true, min: new Date(-8e12), max: new Date(8e13) });

const elements = fc.array(
  fc.oneof(
    fc.record({ value: id, display: text, type: fc.constant('User') }, { requiredKeys: ['value'] }),
    fc.record({ display: text }),
    fc.constantFrom<Json>('7', null),
  ),
  { maxLength: 4 },
) as fc.Arbitrary<Json>;

const stored = (document: fc.Arbitrary<Document>, raw: fc.Arbitrary<Record<string, string>>): fc.Arbitrary<StoredResource> =>
  fc.record(
    { id, document, created: date, lastModified: date, version: text, raw },
    { requiredKeys: ['id', 'document', 'created', 'lastModified', 'version'] },
  );

const asJson = (value: fc.Arbitrary<Json>): fc.Arbitrary<string> => value.map((stated) => JSON.stringify(stated));
const withSome = (document: fc.Arbitrary<Document>, name: string): fc.Arbitrary<Document> =>
  fc.tuple(document, fc.option(elements)).map(([stated, some]) => (some === null ? stated : { ...stated, [name]: some }));

const person = fc
  .tuple(
    stored(
      withSome(
        storedDocument.map((document) => ({ ...document })),
        'groups',
      ),
      fc.constant({}),
    ),
    fc.option(asJson(elements)),
  )
  .map(([resource, groups]): StoredResource => {
    const { groups: _groups, ...rest } = resource.document;
    return groups === null ? resource : { ...resource, document: rest, raw: { groups } };
  });

const group = fc.oneof(
  stored(
    withSome(fc.record({ displayName: text, externalId: text }, { requiredKeys: ['displayName'] }), 'members'),
    fc.constant({}),
  ),
  stored(
    fc.record({ externalId: text, displayName: text }, { requiredKeys: ['displayName'] }),
    fc.record({ members: asJson(elements) }),
  ),
);

const lists = fc.constantFrom(
  ...['userName', 'groups', 'groups.value', 'GROUPS.$ref', 'members', 'members.value', 'members.display,members', 'meta'],
  ...[
    'meta.version',
    'meta.created,displayName',
    'emails.value',
    'name',
    'schemas',
    'id',
    'externalId',
    'unknown',
    'emails,roles',
  ],
  ...TYPE.extensions.flatMap((extension) => [
    extension.id,
    ...extension.attributes.map(({ name }) => `${extension.id}:${name}`),
    `userName, ${extension.id}:manager.value`,
  ]),
);
const projection = (type: ResourceType): fc.Arbitrary<Projection> =>
  fc.oneof(
    fc.constant(WHOLE),
    lists.map((names) => readProjection(type, names, undefined)),
    lists.map((names) => readProjection(type, undefined, names)),
    fc.tuple(lists, lists).map((names) => readProjection(type, names.join(','), undefined)),
    fc.tuple(lists, lists).map((names) => readProjection(type, undefined, names.join(','))),
  );

describe('the JSON of a resource', () => {
  test.each([
    ['person', TYPE, person],
    ['group', GROUP_RESOURCE_TYPE, group],
  ] as const)('of a %s is what the object of the answer is as JSON', (_name, type, resources) => {
    fc.assert(
      fc.property(resources, projection(type), (resource, chosen) => {
        const json = resourceJson(type, resource, BASE_URL, chosen);
        const wanted = JSON.stringify(naiveAnswer(type, resource, chosen));
        expect(JSON.parse(json)).toEqual(JSON.parse(wanted));
        // The order is nobody's concern, but a member that is there twice would be seen here alone.
        expect(json).toHaveLength(wanted.length);
      }),
      runs(1000),
    );
  });

  test('of a page is what the page is as JSON', () => {
    const marks: fc.Arbitrary<PageMarks> = fc.record(
      { startIndex: fc.nat(), nextCursor: fc.string(), previousCursor: fc.string() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 4 }), fc.nat(), marks, (resources, total, at) => {
        const texts = resources.map((resource) => JSON.stringify(resource));
        expect(listJson(texts, total, at)).toBe(JSON.stringify(listResponse(JSON.parse(`[${texts.join(',')}]`), total, at)));
      }),
      runs(200),
    );
  });
});

describe('a dateTime', () => {
  test('is written as JavaScript writes it, in whatever order the days come', () => {
    const any = fc.oneof(
      date,
      fc.date({ noInvalidDate: true }),
      fc.constantFrom(0, -1, 1, 86_399_999, 86_400_000).map((ms) => new Date(ms)),
    );
    fc.assert(
      fc.property(fc.array(any, { maxLength: 5 }), (dates) => {
        for (const one of [...dates, ...dates]) expect(isoOf(one)).toBe(one.toISOString());
      }),
      runs(500),
    );
    expect(() => isoOf(new Date(Number.NaN))).toThrow(RangeError);
  });
});

describe('two values', () => {
  const shuffled = (value: Json): Json => {
    if (Array.isArray(value)) return (value as readonly Json[]).map(shuffled);
    return isObject(value)
      ? Object.fromEntries(
          Object.entries(value)
            .reverse()
            .map(([key, inner]) => [key, shuffled(inner ?? null)]),
        )
      : value;
  };
  const value = fc.jsonValue({ maxDepth: 3 }).map((json) => JSON.parse(JSON.stringify(json)) as Json);
  const small = fc.oneof(
    value,
    fc.constantFrom<Json>(null, '', 0, '0', false, [], {}, [null], { a: null }, { a: 1, b: 2 }, { b: 2, a: 1 }, [{}], { a: [] }),
  );

  test('are equal where they are one text, and the order of keys makes no difference', () => {
    fc.assert(
      fc.property(small, small, (a, b) => {
        expect(equalValues(a, b)).toBe(canonical(a) === canonical(b));
        expect(equalValues(a, shuffled(a))).toBe(true);
        expect(canonical(shuffled(a))).toBe(canonical(a));
      }),
      runs(1000),
    );
    expect([equalValues(undefined, undefined), equalValues(undefined, null), equalValues({ a: undefined }, {})]).toEqual([
      true,
      false,
      true,
    ]);
  });
});
