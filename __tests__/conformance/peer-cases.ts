import fc from 'fast-check';
import type { Json, JsonObject } from '../../lib/protocol/document.js';
import { type ComparisonOperator, type Filter, formatFilter } from '../../lib/protocol/filter.js';
import { ENTERPRISE_URN, USER_URN } from '../../lib/protocol/resource-schemas.js';
import type { AttributePath } from '../../lib/protocol/schema.js';

/** What every peer understands of a person, so that no difference comes from a schema that one of them does not know. */

export interface PatchCase {
  readonly document: JsonObject;
  readonly operation: { readonly op: 'add' | 'replace' | 'remove'; readonly path?: string; readonly value?: Json };
}
export interface FilterCase {
  readonly filter: Filter<AttributePath>;
  readonly resource: JsonObject;
}

const word = fc.constantFrom('Ann', 'ann', 'Bo', 'x y', 'é');
const type = fc.constantFrom('work', 'home', 'other');
const address = fc.constantFrom('ann@x.example', 'Ann@X.example', 'bo@x.example');
const email: fc.Arbitrary<JsonObject> = fc.record(
  { value: address, type, display: word, primary: fc.boolean() },
  { requiredKeys: ['value', 'type'] },
);
const emails = fc
  .uniqueArray(email, { minLength: 1, maxLength: 3, selector: ({ type: kind }) => kind })
  .filter((list) => list.filter(({ primary }) => primary === true).length <= 1);
const name: fc.Arbitrary<JsonObject> = fc
  .record({ givenName: word, familyName: word, formatted: word }, { requiredKeys: [] })
  .filter((parts) => Object.keys(parts).length > 0);
const enterprise: fc.Arbitrary<JsonObject> = fc
  .record({ department: word, costCenter: word }, { requiredKeys: [] })
  .filter((parts) => Object.keys(parts).length > 0);

const SIMPLE = { displayName: word, title: word, nickName: word, active: fc.boolean() };

export const resource: fc.Arbitrary<JsonObject> = fc.record(
  { userName: word, ...SIMPLE, name, emails, [ENTERPRISE_URN]: enterprise },
  { requiredKeys: ['userName'] },
);

type Operation = PatchCase['operation'];
const op = fc.constantFrom('add' as const, 'replace' as const);

const written: fc.Arbitrary<Operation> = fc.oneof(
  fc
    .constantFrom(...Object.entries({ userName: word, ...SIMPLE }))
    .chain(([path, value]) => fc.record({ op, path: fc.constant(path), value })),
  fc.record({ op, path: fc.constantFrom('name.givenName', 'name.familyName'), value: word }),
  fc.record({ op, path: fc.constant('name'), value: name }),
  fc.record({ op, path: fc.constant('emails'), value: emails }),
  fc.record({ op, path: fc.constant(`${ENTERPRISE_URN}:department`), value: word }),
  fc.record({
    op,
    value: fc.record({ ...SIMPLE, name, emails }, { requiredKeys: [] }).filter((value) => Object.keys(value).length > 0),
  }),
  fc.record({ op, value: enterprise.map((value) => ({ [ENTERPRISE_URN]: value })) }),
);
const selected: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ op, path: type.map((kind) => `emails[type eq "${kind}"].display`), value: word }),
  fc.record({ op, path: type.map((kind) => `emails[type eq "${kind}"].primary`), value: fc.boolean() }),
  fc.record({ op: fc.constant('replace' as const), path: type.map((kind) => `emails[type eq "${kind}"]`), value: email }),
);
const removed: fc.Arbitrary<Operation> = fc.record({
  op: fc.constant('remove' as const),
  path: fc.oneof(
    fc.constantFrom('displayName', 'title', 'name', 'name.givenName', 'emails', `${ENTERPRISE_URN}:department`),
    type.map((kind) => `emails[type eq "${kind}"]`),
    address.map((value) => `emails[value eq "${value}"]`),
    type.map((kind) => `emails[type eq "${kind}"].display`),
  ),
});

export const patchCase: fc.Arbitrary<PatchCase> = fc.record({
  document: resource,
  operation: fc.oneof(written, selected, removed),
});

const TEXT: readonly ComparisonOperator[] = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'lt'];
const compare = (path: AttributePath, value: fc.Arbitrary<string | boolean>, ops = TEXT): fc.Arbitrary<Filter<AttributePath>> =>
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('compare' as const),
        op: fc.constantFrom(...ops),
        path: fc.constant(path),
        value,
      }),
    },
    { weight: 1, arbitrary: fc.constant<Filter<AttributePath>>({ kind: 'present', path }) },
  );
const combine = (leaf: fc.Arbitrary<Filter<AttributePath>>, maxDepth: number): fc.Arbitrary<Filter<AttributePath>> =>
  fc.letrec<{ node: Filter<AttributePath> }>((tie) => ({
    node: fc.oneof(
      { maxDepth },
      leaf,
      fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        operands: fc.array(tie('node'), { minLength: 2, maxLength: 3 }),
      }),
      fc.record({ kind: fc.constant('not' as const), operand: tie('node') }),
    ),
  })).node;

const onPerson = [
  compare({ name: 'userName' }, word),
  compare({ name: 'displayName' }, word),
  compare({ name: 'active' }, fc.boolean(), ['eq', 'ne']),
  compare({ name: 'name', sub: 'givenName' }, word),
];
const inEmail = fc.oneof(
  compare({ name: 'type' }, type),
  compare({ name: 'value' }, address),
  compare({ name: 'primary' }, fc.boolean(), ['eq', 'ne']),
);
const onEmails = [
  compare({ name: 'emails', sub: 'type' }, type),
  combine(inEmail, 1).map((filter): Filter<AttributePath> => ({ kind: 'valuePath', path: { name: 'emails' }, filter })),
];
const onExtension = compare({ urn: ENTERPRISE_URN, name: 'department' }, word);

export const nestedFilterCase: fc.Arbitrary<FilterCase> = fc.record({
  filter: combine(fc.oneof(...onPerson, ...onEmails, onExtension), 2),
  resource,
});

/** One term for each attribute, joined by one word: what can be written without brackets. */
export const flatFilterCase: fc.Arbitrary<FilterCase> = fc.record({
  filter: fc
    .tuple(fc.constantFrom('and' as const, 'or' as const), fc.subarray([...onPerson, fc.oneof(...onEmails)], { minLength: 1 }))
    .chain(([kind, terms]) =>
      fc
        .tuple(...terms)
        .map(
          (operands): Filter<AttributePath> => (operands.length === 1 ? (operands[0] ?? { kind, operands }) : { kind, operands }),
        ),
    ),
  resource,
});

export const textOf = ({ filter }: FilterCase): string => formatFilter(filter);

/** Whom the hand-picked filters are about. */
export const PERSON: JsonObject = {
  userName: 'Ann',
  externalId: 'e1',
  active: true,
  displayName: 'Ann Smith',
  title: '',
  name: { givenName: 'Ann', familyName: 'Smith' },
  emails: [
    { value: 'ann@x.example', type: 'work', primary: true },
    { value: 'A@home.example', type: 'home' },
  ],
  roles: [{ value: 'r1' }],
  meta: { created: '2026-07-21T09:00:00Z', resourceType: 'User' },
  [ENTERPRISE_URN]: { department: 'Dev', manager: { value: '7' } },
};

export const FILTERS: readonly string[] = [
  'userName eq "Ann"',
  'USERNAME eq "Ann"',
  'userName EQ "Ann"',
  'userName eq "ANN"',
  'userName ne "Ann"',
  'userName ne "ANN"',
  'externalId eq "E1"',
  'userName sw "A"',
  'userName co "n"',
  'userName pr',
  'userName gt "B"',
  'userName lt "ann"',
  'userName eq ""',
  'userName eq null',
  'userName ne null',
  'userName eq 7',
  'userName eq Ann',
  "userName eq 'Ann'",
  'userName eq "A\\u006en"',
  'userName eq "\\"Ann"',
  'userName eq "A)n"',
  'userName eq "Ann" and',
  'userName',
  '(userName eq "Ann"',
  'userName eq "Ann")',
  'userName eq "Ann" xor active eq true',
  `${USER_URN}:userName eq "Ann"`,
  'displayName eq "Ann Smith"',
  'displayName ew "Smith"',
  'title pr',
  'title eq ""',
  'title eq null',
  'nickName pr',
  'nickName ne "x"',
  'nickName co "def"',
  'nickName eq null',
  'unknown eq "x"',
  'password eq "x"',
  'active eq true',
  'active ne false',
  'active gt false',
  'meta.created ge "2026-07-21T09:00:00Z"',
  'meta.created eq "2026-07-21T11:00:00+02:00"',
  'meta.created gt "2026-07-21T10:00:00+02:00"',
  'name pr',
  'name.familyName eq "Smith"',
  'name[givenName eq "Ann"]',
  'name.givenName sw "A" and name.familyName sw "S"',
  'emails co "x.example"',
  'emails eq "ann@x.example"',
  'emails ne "x"',
  'emails.value eq "ann@x.example"',
  'emails.type ne "work"',
  'emails.primary eq true',
  'emails.primary eq false',
  'emails.primary ne true',
  'emails.type eq "work" and emails.value co "home"',
  'emails[type eq "work"]',
  'emails[type eq "work" or type eq "x"]',
  'emails[type eq "work" and value co "home"]',
  'emails[type eq "home" and value co "home"]',
  'emails[not (type eq "work")]',
  'emails[primary ne true]',
  'emails[]',
  'emails[type eq "work"] and emails[type eq "home"]',
  'emails[value sw "ann"] and active eq true',
  'userName eq "x" and active eq true and emails[type eq "work" or type eq "home"]',
  'ims.value eq "x"',
  'roles eq "r1"',
  'roles[value eq "r1"]',
  'roles pr',
  `${ENTERPRISE_URN}:department eq "Dev"`,
  `${ENTERPRISE_URN}:manager eq "7"`,
  `${ENTERPRISE_URN}:manager.value eq "7"`,
  'not (userName eq "Ann")',
  'not userName eq "x"',
  'not (userName eq "x") and active eq true',
  'not (userName eq "x" or active eq true)',
  'not (emails[type eq "other"])',
  'userName eq "x" or userName eq "Ann" and active eq false',
  '(userName eq "x" or userName eq "Ann") and active eq true',
  'userName eq "Ann" or userName eq "x" and active eq false',
  '((userName eq "Ann"))',
  'name.givenName eq "Ann" or (active eq true and (nickName pr or title eq "x"))',
];
