import fc from 'fast-check';
import { type Filter, formatFilter } from '../../lib/protocol/filter.js';
import { PATCH_OP_URN } from '../../lib/protocol/messages.js';
import { ENTERPRISE_URN, GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';
import type { Attribute, AttributePath, ResourceType } from '../../lib/protocol/schema.js';

/** Requests as RFC 7643 and 7644 have them, and such that bend them in every way that comes to hand. */

type Plain = null | boolean | string | readonly Plain[] | { readonly [key: string]: Plain };
type Members = { readonly [key: string]: Plain };

const TYPES = [USER_RESOURCE_TYPE, GROUP_RESOURCE_TYPE];

const text = fc.string({ minLength: 1 });

const simple = (attribute: Attribute): fc.Arbitrary<Plain> =>
  attribute.type === 'boolean' ? fc.boolean() : attribute.type === 'dateTime' ? fc.constant('2026-07-21T09:00:00Z') : text;

const one = (attribute: Attribute): fc.Arbitrary<Plain> =>
  attribute.type === 'complex' ? members(attribute.subAttributes ?? []) : simple(attribute);

const value = (attribute: Attribute): fc.Arbitrary<Plain> =>
  fc.oneof(
    { weight: 8, arbitrary: attribute.multiValued ? fc.array(one(attribute), { maxLength: 3 }) : one(attribute) },
    { weight: 1, arbitrary: fc.constant(null) },
  );

/** An object with some of the attributes, the names in any case. */
const members = (attributes: readonly Attribute[]): fc.Arbitrary<Members> =>
  fc
    .tuple(
      fc.record(Object.fromEntries(attributes.map((attribute) => [attribute.name, value(attribute)])), { requiredKeys: [] }),
      fc.constantFrom(
        (name: string) => name,
        (name: string) => name.toUpperCase(),
      ),
    )
    .map(([sent, spell]) => Object.fromEntries(Object.entries(sent).map(([name, part]) => [spell(name), part ?? null])));

const attributesOf = (type: ResourceType): readonly Attribute[] =>
  [...type.common, ...type.core.attributes].filter(({ name }) => name !== 'schemas');

const stated = (type: ResourceType): fc.Arbitrary<Members> =>
  fc
    .tuple(members(attributesOf(type)), ...type.extensions.map(({ attributes }) => members(attributes)), fc.jsonValue())
    .map(([core, ...rest]) => ({
      ...core,
      ...Object.fromEntries(type.extensions.map(({ id }, index) => [id, (rest[index] ?? null) as Plain])),
      'urn:example:2.0:Shoes': rest.at(-1) as Plain,
    }));

export const standardBody: fc.Arbitrary<{ readonly type: ResourceType; readonly body: Members }> = fc
  .constantFrom(...TYPES)
  .chain((type) => stated(type).map((body) => ({ type, body: { schemas: [type.core.id], ...body } })));

interface Target {
  readonly path: string;
  readonly attribute: Attribute;
  readonly multiValued: boolean;
}

const targetsOf = (type: ResourceType): readonly Target[] =>
  [
    ...attributesOf(type).map((attribute) => ['', attribute] as const),
    ...type.extensions.flatMap(({ id, attributes }) => attributes.map((attribute) => [`${id}:`, attribute] as const)),
  ].flatMap(([urn, attribute]) => [
    { path: `${urn}${attribute.name}`, attribute, multiValued: attribute.multiValued },
    ...(attribute.subAttributes ?? []).map((sub) => ({
      path: `${urn}${attribute.name}${attribute.multiValued ? '[type eq "work" or primary eq true]' : ''}.${sub.name}`,
      attribute: sub,
      multiValued: false,
    })),
  ]);

const operation = (type: ResourceType): fc.Arbitrary<Members> =>
  fc.oneof(
    fc
      .constantFrom(...targetsOf(type))
      .chain(({ path, attribute }) =>
        fc
          .tuple(fc.constantFrom('add', 'replace', 'remove'), value(attribute))
          .map(([op, sent]): Members => (op === 'remove' ? { op, path } : { op, path, value: sent })),
      ),
    stated(type).map((sent): Members => ({ op: 'replace', value: sent })),
  );

export const standardPatch: fc.Arbitrary<{ readonly type: ResourceType; readonly body: Members }> = fc
  .constantFrom(...TYPES)
  .chain((type) =>
    fc
      .array(operation(type), { minLength: 1, maxLength: 3 })
      .map((operations) => ({ type, body: { schemas: [PATCH_OP_URN], Operations: operations } })),
  );

const PATHS: readonly AttributePath[] = [
  { name: 'userName' },
  { name: 'name', sub: 'givenName' },
  { name: 'emails' },
  { name: 'EMAILS', sub: 'value' },
  { urn: ENTERPRISE_URN, name: 'manager', sub: 'value' },
];

const comparison: fc.Arbitrary<Filter<AttributePath>> = fc.oneof(
  fc.record({
    kind: fc.constant('compare' as const),
    op: fc.constantFrom('eq' as const, 'co' as const),
    path: fc.constantFrom(...PATHS),
    value: fc.oneof(fc.string(), fc.boolean(), fc.integer()),
  }),
  fc.record({ kind: fc.constant('present' as const), path: fc.constantFrom(...PATHS) }),
  fc.record({
    kind: fc.constant('valuePath' as const),
    path: fc.constant({ name: 'emails' }),
    filter: fc.constant<Filter<AttributePath>>({ kind: 'compare', op: 'eq', path: { name: 'primary' }, value: true }),
  }),
);

export const standardFilter: fc.Arbitrary<string> = fc
  .array(comparison, { minLength: 2, maxLength: 4 })
  .chain((operands) =>
    fc.constantFrom<Filter<AttributePath>>({ kind: 'and', operands }, { kind: 'not', operand: { kind: 'or', operands } }),
  )
  .map(formatFilter);

const KEYS = [
  'schemas',
  'active',
  'title',
  'emails',
  'roles',
  'name',
  'manager',
  'members',
  'displayName',
  'externalId',
  'password',
  'id',
  '__proto__',
  'name.givenName',
  'NAME.familyName',
  'emails.value',
  'manager.value',
  'emails[type eq "work"].value',
  'emails[',
  'shoe.size',
  ENTERPRISE_URN,
  `${ENTERPRISE_URN}:department`,
  `${ENTERPRISE_URN}.manager`,
  `${ENTERPRISE_URN}:manager.value`,
  'urn:example:1.0:User:x',
] as const;

const bentValue = fc.oneof(
  fc.constantFrom('', 'true', 'False', '7', null, [], {}, [['7']], ['7'], ['']),
  fc.dictionary(
    fc.constantFrom('value', 'primary', 'type', 'Value', 'givenName'),
    fc.constantFrom('', 'TRUE', 'x', null, ['x'], { value: '' }),
  ),
  fc.array(fc.oneof(fc.constantFrom('', '7', { value: '7', primary: 'True' }, { value: '' }), fc.jsonValue()), { maxLength: 3 }),
  fc.jsonValue(),
) as fc.Arbitrary<Plain>;

const entries = (keys: readonly string[]): fc.Arbitrary<Members> =>
  fc.array(fc.tuple(fc.constantFrom(...keys), bentValue), { maxLength: 6 }).map((list) => Object.fromEntries(list));

export const bentBody = entries(KEYS);

export const bentPatch: fc.Arbitrary<Members> = fc.record(
  {
    schemas: bentValue,
    Operations: fc.oneof(
      fc.array(
        fc.record(
          {
            op: fc.constantFrom('Add', 'replace', 'REMOVE', 'move', 7 as unknown as string),
            path: fc.constantFrom(...KEYS, ' manager ', 'roles[primary eq "True"].value', 'roles[primary eq "x"', ''),
            value: fc.oneof(bentValue, bentBody),
          },
          { requiredKeys: [] },
        ),
        { maxLength: 4 },
      ),
      bentBody,
      bentValue,
    ) as fc.Arbitrary<Plain>,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Members>;

/** Words of filters in any order. */
export const bentFilter = fc
  .array(
    fc.constantFrom(
      'userName',
      'active',
      'email',
      'Email.value',
      'manager',
      'department',
      'emails',
      'roles',
      '.value',
      '.primary',
      'primary',
      'type',
      '[',
      ']',
      '(',
      ')',
      'and',
      'or',
      'not',
      'eq',
      'EQ',
      'pr',
      '"True"',
      '"work"',
      'true',
      'work',
      "'x'",
      '7',
      '"',
      `${ENTERPRISE_URN}:manager`,
    ),
    { maxLength: 14 },
  )
  .chain((words) => fc.constantFrom(' ', '').map((gap) => words.join(gap)));

export const bentAddress = fc
  .array(fc.constantFrom('/', '//', 'Users', 'v2', '?', '&', '+', '=', 'count=1', 'aadOptscim062020', 'filter=', '%2B', ' '), {
    maxLength: 10,
  })
  .map((parts) => parts.join(''));

export const bentContentType = fc
  .array(
    fc.constantFrom(
      'application/json',
      'application/scim+json',
      'text/json',
      'text/plain',
      ';',
      ' ',
      'charset=utf-8',
      'charset="UTF-8"',
      'x=y',
      'charset=utf-16',
    ),
    {
      maxLength: 7,
    },
  )
  .map((parts) => parts.join(''));
