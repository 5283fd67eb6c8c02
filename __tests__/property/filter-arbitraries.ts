import fc from 'fast-check';
import type { Json, JsonObject } from '../../lib/protocol/document.js';
import type { ComparisonOperator, Filter } from '../../lib/protocol/filter.js';
import { ENTERPRISE_SCHEMA, USER_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';
import type { Attribute, AttributePath, AttributeType, ResourceType, Schema } from '../../lib/protocol/schema.js';

export const OPERATORS: readonly ComparisonOperator[] = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'];

const trait = (name: string, type: AttributeType, more: Partial<Attribute> = {}): Attribute => ({
  name,
  type,
  multiValued: false,
  description: '',
  required: false,
  caseExact: false,
  mutability: 'readWrite',
  returned: 'default',
  uniqueness: 'none',
  ...more,
});

/** The types that no attribute of a person has. */
const EXTRAS: Schema = {
  id: 'urn:example:extras:1.0:User',
  name: 'Extras',
  description: '',
  attributes: [
    trait('score', 'decimal'),
    trait('levels', 'integer', { multiValued: true }),
    trait('seenAt', 'dateTime'),
    trait('tags', 'string', { multiValued: true }),
    trait('badge', 'complex', {
      subAttributes: [trait('value', 'string', { caseExact: true }), trait('colours', 'string', { multiValued: true })],
    }),
    trait('visits', 'complex', {
      multiValued: true,
      subAttributes: [
        trait('value', 'dateTime'),
        trait('weight', 'decimal'),
        trait('done', 'boolean'),
        trait('notes', 'string', { multiValued: true }),
      ],
    }),
  ],
};
export const TYPE: ResourceType = { ...USER_RESOURCE_TYPE, extensions: [ENTERPRISE_SCHEMA, EXTRAS] };
const CORE = [
  'userName',
  'displayName',
  'externalId',
  'name',
  'active',
  'emails',
  'groups',
  'x509Certificates',
  'meta',
  'schemas',
];
const core = [...TYPE.common, ...TYPE.core.attributes].filter(({ name }) => CORE.includes(name));

// Few values, so that filters meet them. `É` is left out where case counts only by collation: every UTF-8 collation here folds it.
export const STRINGS = [
  'a',
  'A',
  'ab',
  'aB',
  'a%b',
  'a_b',
  '%',
  '_',
  '\\',
  'b\\',
  'É',
  'é',
  '\uffee',
  '😀',
  '"',
  ' ',
  '1',
  'true',
  '',
];
const INSTANTS = [
  '2026-07-21T09:00:00Z',
  '2026-07-21T11:00:00.000+02:00',
  '2026-07-21T09:00:00.001Z',
  '2024-02-29T23:59:59Z',
  '0001-01-01T00:00:00Z',
];
const ODD_INSTANTS = [
  '2026-02-30T00:00:00Z',
  '2026-07-21T09:00:00',
  '0000-01-01T00:00:00Z',
  '2026-07-21T09:00:00.0009999Z',
  '9999-12-31T23:59:59-10:00',
  'now',
  'infinity',
];

const simpleValue = (type: AttributeType): fc.Arbitrary<Json> => {
  switch (type) {
    case 'string':
    case 'reference':
    case 'binary':
      return fc.constantFrom(...STRINGS);
    case 'boolean':
      return fc.boolean();
    case 'decimal':
    case 'integer':
      return fc.constantFrom(0, 1, -1, 0.1, 1.5, 1e21, 2 ** 53);
    case 'dateTime':
      return fc.constantFrom(...INSTANTS, ...ODD_INSTANTS);
    case 'complex':
      return fc.constant({});
  }
};

const single = (attribute: Attribute): fc.Arbitrary<Json> => {
  const stray = fc.constantFrom<Json>(null, '', 'x', 7, true, {}, { value: 'a' });
  const proper: fc.Arbitrary<Json> =
    attribute.type === 'complex' ? objectOf(attribute.subAttributes ?? []) : simpleValue(attribute.type);
  return fc.oneof({ weight: 9, arbitrary: proper }, { weight: 1, arbitrary: stray });
};

const attributeValue = (attribute: Attribute): fc.Arbitrary<Json> =>
  attribute.multiValued
    ? fc.oneof(
        { weight: 9, arbitrary: fc.array(single(attribute), { maxLength: 3 }) },
        { weight: 1, arbitrary: single(attribute) },
      )
    : single(attribute);

const objectOf = (attributes: readonly Attribute[]): fc.Arbitrary<JsonObject> =>
  fc.record(Object.fromEntries(attributes.map((attribute) => [attribute.name, attributeValue(attribute)])), { requiredKeys: [] });

export const resource: fc.Arbitrary<JsonObject> = fc
  .tuple(objectOf(core), objectOf(ENTERPRISE_SCHEMA.attributes), fc.option(objectOf(EXTRAS.attributes), { nil: undefined }))
  .map(([own, enterprise, extras]) => ({ ...own, [ENTERPRISE_SCHEMA.id]: enterprise, ...(extras && { [EXTRAS.id]: extras }) }));

const comparison = (attribute: Attribute, path: AttributePath): fc.Arbitrary<Filter<AttributePath>> => {
  const string = fc.constantFrom(...STRINGS, 'null\u0000', '\ud800');
  const compare = (ops: readonly ComparisonOperator[], value: fc.Arbitrary<Json>): fc.Arbitrary<Filter<AttributePath>> =>
    fc.record({
      kind: fc.constant('compare'),
      op: fc.constantFrom(...ops),
      path: fc.constant(path),
      value: value.map((json) => (typeof json === 'number' || typeof json === 'boolean' ? json : String(json))),
    });
  const order = OPERATORS.filter((op) => !['co', 'sw', 'ew'].includes(op));
  switch (attribute.type) {
    case 'string':
    case 'reference':
      return compare(OPERATORS, string);
    case 'binary':
      return compare(['eq', 'ne'], string);
    case 'boolean':
      return compare(['eq', 'ne'], fc.boolean());
    case 'decimal':
    case 'integer':
      return compare(order, simpleValue(attribute.type));
    case 'dateTime':
      return compare(order, fc.constantFrom(...INSTANTS));
    case 'complex':
      return fc.constant({ kind: 'present', path });
  }
};

const onPath = (attribute: Attribute, path: AttributePath): fc.Arbitrary<Filter<AttributePath>> =>
  fc.oneof(
    { weight: 4, arbitrary: comparison(attribute, path) },
    { weight: 1, arbitrary: fc.constant({ kind: 'present', path }) },
  );

const combined = (leaf: fc.Arbitrary<Filter<AttributePath>>): fc.Arbitrary<Filter<AttributePath>> =>
  fc.letrec<{ filter: Filter<AttributePath> }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 2 },
      leaf,
      fc.record({ kind: fc.constantFrom('and', 'or'), operands: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }) }),
      fc.record({ kind: fc.constant('not'), operand: tie('filter') }),
    ),
  })).filter;

const filtersOn = (attribute: Attribute, urn?: string): fc.Arbitrary<Filter<AttributePath>> => {
  const path: AttributePath = urn === undefined ? { name: attribute.name } : { urn, name: attribute.name };
  const subAttributes = attribute.subAttributes ?? [];
  const all = [onPath(attribute, path), ...subAttributes.map((sub) => onPath(sub, { ...path, sub: sub.name }))];
  const element = subAttributes.map((sub) => onPath(sub, { name: sub.name }));
  if (element.length === 0 && attribute.multiValued) element.push(onPath(attribute, { name: 'value' }));
  if (element.length === 0) return fc.oneof(...all);
  return fc.oneof(
    ...all,
    fc.record({ kind: fc.constant('valuePath'), path: fc.constant(path), filter: combined(fc.oneof(...element)) }),
  );
};

export const filterOnResource = combined(
  fc.oneof(
    ...core.map((attribute) => filtersOn(attribute)),
    ...TYPE.extensions.flatMap((schema) => schema.attributes.map((attribute) => filtersOn(attribute, schema.id))),
  ),
);
