import fc from 'fast-check';
import type { Json, JsonObject } from '../../lib/protocol/document.js';
import type { PatchOperation } from '../../lib/protocol/patch-request.js';
import { ENTERPRISE_SCHEMA, USER_RESOURCE_TYPE, USER_URN } from '../../lib/protocol/resource-schemas.js';
import type { Attribute, ResourceType } from '../../lib/protocol/schema.js';
import type { Condition, Step, Target } from '../support/naive-patch.js';

const plain = (name: string, more: Partial<Attribute>): Attribute => ({
  name,
  type: 'string',
  multiValued: false,
  description: '',
  required: false,
  caseExact: false,
  mutability: 'readWrite',
  returned: 'default',
  uniqueness: 'none',
  ...more,
});

/** The kinds of attributes that no attribute of a person is of. */
const EXTRAS = {
  id: 'urn:example:extras:1.0:User',
  name: 'Extras',
  description: '',
  attributes: [
    plain('tags', { multiValued: true }),
    plain('levels', { type: 'integer', multiValued: true }),
    plain('score', { type: 'decimal' }),
    plain('code', { caseExact: true }),
  ],
};
export const TYPE: ResourceType = { ...USER_RESOURCE_TYPE, extensions: [ENTERPRISE_SCHEMA, EXTRAS] };

const NAMES = ['userName', 'externalId', 'displayName', 'title', 'active', 'name', 'emails', 'addresses', 'roles'];
const CORE = [...TYPE.common, ...TYPE.core.attributes].filter(({ name }) => NAMES.includes(name));
const READ_ONLY = [...TYPE.common, ...TYPE.core.attributes].filter(({ name }) => ['id', 'meta', 'groups'].includes(name));

// Few, so that values and filters meet; with what a path has to quote.
const STRINGS = ['a', 'A', 'ab', 'É', 'é', 'work', '"', '\\', '].x', ' and ', '😀'];
const string = fc.constantFrom(...STRINGS);

const simple = (attribute: Attribute): fc.Arbitrary<string | number | boolean> => {
  if (attribute.type === 'boolean') return fc.boolean();
  if (attribute.type === 'integer') return fc.integer({ min: 0, max: 3 });
  return attribute.type === 'decimal' ? fc.constantFrom(0, 1, 1.5) : string;
};

/** Parts of which one is named at least; `withNull` lets them be named as unassigned as well. */
const parts = (subAttributes: readonly Attribute[], withNull: boolean): fc.Arbitrary<JsonObject> =>
  fc
    .record(
      Object.fromEntries(
        subAttributes
          .filter(({ name }) => name !== '$ref')
          .map((sub) => [sub.name, withNull ? fc.option(simple(sub), { freq: 5 }) : simple(sub)]),
      ),
      { requiredKeys: [] },
    )
    .filter((object) => Object.keys(object).length > 0);

const one = (attribute: Attribute, withNull = false): fc.Arbitrary<Json> =>
  attribute.type === 'complex' ? parts(attribute.subAttributes ?? [], withNull) : simple(attribute);

const isPrimary = (element: Json): boolean =>
  typeof element === 'object' && element !== null && 'primary' in element && element.primary === true;

/** RFC 7643 2.4: one primary at most, no value twice. */
const many = (attribute: Attribute, minLength = 1): fc.Arbitrary<Json[]> =>
  fc
    .uniqueArray(one(attribute), { minLength, maxLength: 4, selector: (element) => JSON.stringify(element) })
    .filter((elements) => elements.filter(isPrimary).length <= 1);

const whole = (attribute: Attribute): fc.Arbitrary<Json> => (attribute.multiValued ? many(attribute) : one(attribute));

const bag = (attributes: readonly Attribute[]): fc.Arbitrary<JsonObject> =>
  fc.record(Object.fromEntries(attributes.map((attribute) => [attribute.name, whole(attribute)])), {
    requiredKeys: attributes.some(({ name }) => name === 'userName') ? ['userName'] : [],
  });

/** A person in the form in which they are stored: nothing unassigned, nothing twice, one primary at most. */
export const storedDocument: fc.Arbitrary<JsonObject> = fc
  .tuple(bag(CORE), ...TYPE.extensions.map(({ attributes }) => fc.option(bag(attributes), { nil: {} })))
  .map(([core, ...extensions]) => ({
    ...core,
    ...Object.fromEntries(
      extensions.flatMap((extension, index) => {
        const id = TYPE.extensions[index]?.id;
        return id === undefined || Object.keys(extension).length === 0 ? [] : [[id, extension]];
      }),
    ),
  }));

const condition = (attribute: Attribute): fc.Arbitrary<Condition> => {
  const subs = attribute.type === 'complex' ? (attribute.subAttributes ?? []) : [{ ...attribute, name: 'value' }];
  const leaf = fc.constantFrom(...subs.filter(({ name }) => name !== '$ref')).chain((sub): fc.Arbitrary<Condition> => {
    const ops = sub.type === 'string' ? (['eq', 'ne', 'co', 'sw', 'ew'] as const) : (['eq', 'ne'] as const);
    return fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('is' as const),
          sub: fc.constant(sub.name),
          op: fc.constantFrom(...ops),
          value: simple(sub),
        }),
      },
      { weight: 1, arbitrary: fc.constant<Condition>({ kind: 'is', sub: sub.name, op: 'pr' }) },
    );
  });
  const { node } = fc.letrec<{ node: Condition }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 2 },
      leaf,
      fc.record({ kind: fc.constantFrom('and' as const, 'or' as const), left: tie('node'), right: tie('node') }),
      fc.record({ kind: fc.constant('not' as const), inner: tie('node') }),
    ),
  }));
  return node;
};

interface Place {
  readonly attribute: Attribute;
  readonly urn?: string;
}
const PLACES: readonly Place[] = [
  ...CORE.map((attribute) => ({ attribute })),
  ...TYPE.extensions.flatMap(({ id, attributes }) => attributes.map((attribute) => ({ attribute, urn: id }))),
];

/** null and [] unassign where they replace; an add of nothing adds nothing. */
const unassigned = (attribute: Attribute): fc.Arbitrary<Json> =>
  fc.constantFrom<Json>(...(attribute.multiValued ? [null, []] : [null, '']));

const wholeStep = (op: Step['op'], place: Place): fc.Arbitrary<Step> => {
  const { attribute } = place;
  const stated = attribute.multiValued ? many(attribute) : one(attribute, op === 'replace');
  const value =
    op === 'remove'
      ? fc.constant(undefined)
      : fc.oneof({ weight: 6, arbitrary: stated }, { weight: 1, arbitrary: unassigned(attribute) });
  return value.map((sent) => ({ op, target: place, ...(sent === undefined ? {} : { value: sent }) }));
};

const subStep = (op: Step['op'], place: Place, where: fc.Arbitrary<Condition | undefined>): fc.Arbitrary<Step> =>
  fc.constantFrom(...(place.attribute.subAttributes ?? []).filter(({ name }) => name !== '$ref')).chain((sub) => {
    const value = op === 'replace' ? fc.option(simple(sub), { freq: 6 }) : simple(sub);
    return fc.tuple(value, where).map(([sent, chosen]) => ({
      op,
      target: { ...place, sub, ...(chosen === undefined ? {} : { where: chosen }) },
      ...(op === 'remove' ? {} : { value: sent }),
    }));
  });

const selectedStep = (op: Step['op'], place: Place): fc.Arbitrary<Step> =>
  fc.tuple(condition(place.attribute), one(place.attribute)).map(([where, value]) => ({
    op,
    target: { ...place, where },
    ...(op === 'remove' ? {} : { value }),
  }));

const pathlessStep: fc.Arbitrary<Step> = fc.constantFrom('add' as const, 'replace' as const).chain((op) => {
  const stated = (attributes: readonly Attribute[]): fc.Arbitrary<JsonObject> =>
    fc.record(
      Object.fromEntries(
        attributes.map((attribute) => [
          attribute.name,
          fc.oneof(
            { weight: 6, arbitrary: attribute.multiValued ? many(attribute) : one(attribute, op === 'replace') },
            { weight: 1, arbitrary: unassigned(attribute) },
          ),
        ]),
      ),
      { requiredKeys: [] },
    );
  return fc
    .tuple(stated(CORE), ...TYPE.extensions.map(({ attributes }) => fc.option(stated(attributes), { nil: undefined })))
    .map(([core, ...extensions]) => ({
      op,
      value: {
        ...core,
        ...Object.fromEntries(
          extensions.flatMap((extension, index) =>
            extension === undefined ? [] : [[TYPE.extensions[index]?.id ?? '', extension]],
          ),
        ),
      },
    }));
});

const refusedStep: fc.Arbitrary<Step> = fc
  .tuple(fc.constantFrom(...READ_ONLY), fc.constantFrom('add', 'replace', 'remove'))
  .map(([attribute, op]) => ({
    op,
    target: { attribute },
    ...(op === 'remove' ? {} : { value: 'x' }),
  }));

const targetedStep: fc.Arbitrary<Step> = fc
  .tuple(fc.constantFrom(...PLACES), fc.constantFrom('add', 'replace', 'remove'))
  .chain(([place, op]) => {
    const forms = [wholeStep(op, place)];
    const { attribute } = place;
    if (attribute.type === 'complex') forms.push(subStep(op, place, fc.constant(undefined)));
    if (attribute.multiValued) forms.push(selectedStep(op, place));
    if (attribute.multiValued && attribute.type === 'complex') forms.push(subStep(op, place, condition(attribute)));
    return fc.oneof(...forms);
  });

export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: targetedStep },
  { weight: 3, arbitrary: pathlessStep },
  { weight: 1, arbitrary: refusedStep },
);

const conditionText = (written: Condition): string => {
  switch (written.kind) {
    case 'is':
      return written.op === 'pr' ? `${written.sub} pr` : `${written.sub} ${written.op} ${JSON.stringify(written.value)}`;
    case 'not':
      return `not (${conditionText(written.inner)})`;
    case 'and':
    case 'or':
      return `(${conditionText(written.left)}) ${written.kind} (${conditionText(written.right)})`;
  }
};

export const pathText = ({ urn, attribute, where, sub }: Target): string =>
  `${urn === undefined ? '' : `${urn}:`}${attribute.name}${where === undefined ? '' : `[${conditionText(where)}]`}${sub === undefined ? '' : `.${sub.name}`}`;

/** The operation as a client sends it. Names and URNs may come in any case, and the core's own URN may stand in front (RFC 7644 3.10). */
export const operationOf = ({ op, target, value }: Step, spelling: 'plain' | 'shouted' | 'qualified'): PatchOperation => {
  const sent = value === undefined ? {} : { value };
  if (target === undefined) return { op, ...sent };
  const qualified = spelling === 'qualified' && target.urn === undefined ? { ...target, urn: USER_URN } : target;
  const path = pathText(qualified);
  return { op, path: spelling === 'shouted' && target.where === undefined ? path.toUpperCase() : path, ...sent };
};
