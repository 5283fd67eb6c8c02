import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isObject, type Json, type JsonObject } from '../../lib/protocol/document.js';
import { PATCH_OP_URN } from '../../lib/protocol/messages.js';
import type { PartName, QuirkId, RewrittenQuirk } from '../../lib/protocol/quirk.js';
import { NOT_IN_REQUESTS, QUIRKS, type Standardised, standardise, standardiseBody } from '../../lib/protocol/quirks.js';
import { ENTERPRISE_URN, GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';
import { replayFiles } from '../conformance/replay-files.js';
import {
  bentAddress,
  bentBody,
  bentContentType,
  bentFilter,
  bentPatch,
  standardBody,
  standardFilter,
  standardPatch,
} from './quirk-arbitraries.js';

const CATALOGUE = `
  U01 U02 U03 U04 U05 U06 U07 U08 U09 U10 U11 U12 U13 U14 U15 U16 U17 U18 U19 U20 U21 U22 U23 U24 U25 U26 U27
  P01 P02 P03 P04 P05 P06 P07 P08 P09 P10 P11 P12 P13 P14 P15 P16 P17 P18 P19 P20 P21 P22 P23 P24 P25 P26 P27 P28 P29 P30 P31 P32 P33
  G01 G02 G03 G04 G05 G06 G07 G08 G09 G10 G11 G12 G13 G14 G15 G16 G17 G18 G19 G20 G21 G22 G23 G24 G25 G26 G27 G28
  F01 F02 F03 F04 F05 F06 F07 F08 F09 F10 F11 F12 F13 F14 F15 F16 F17 F18 F19 F20 F21 F22 F23 F24
  H01 H02 H03 H04 H05 H06 H07 H08 H09 H10 H11 H12 H13 H14 H15 H16
`
  .trim()
  .split(/\s+/);

const TYPES = [USER_RESOURCE_TYPE, GROUP_RESOURCE_TYPE];
const typeOf = ({ resource }: RewrittenQuirk) => (resource === 'Group' ? GROUP_RESOURCE_TYPE : USER_RESOURCE_TYPE);

const isRewritten = (quirk: (typeof QUIRKS)[number]): quirk is RewrittenQuirk => 'rewrite' in quirk;
const rewritten = QUIRKS.filter(isRewritten);

/** An operation, or several, as the PATCH that has no others. */
const asPatch = (stated: JsonObject | readonly JsonObject[]): JsonObject =>
  isObject(stated) && 'Operations' in stated
    ? stated
    : { schemas: [PATCH_OP_URN], Operations: [stated].flat() as readonly Json[] };

const standardiseText = (part: PartName, text: string): Standardised<string> => {
  switch (part) {
    case 'filter':
    case 'names':
      return standardise(part, text, TYPES);
    case 'path':
    case 'query':
    case 'contentType':
      return standardise(part, text);
    case 'body':
    case 'patch':
    case 'value':
      throw new Error(`${part} is no text`);
  }
};

type Stated = RewrittenQuirk['example'] | RewrittenQuirk['standard'];

const whole = ({ part }: RewrittenQuirk, stated: Stated): string | JsonObject =>
  typeof stated === 'string' ? stated : part === 'patch' ? asPatch(stated) : ([stated].flat()[0] ?? {});

const read = (quirk: RewrittenQuirk, stated: Stated): Standardised<string | JsonObject> => {
  const sent = whole(quirk, stated);
  if (typeof sent === 'string') return standardiseText(quirk.part, sent);
  return standardiseBody(quirk.part === 'patch' ? 'patch' : 'body', sent, typeOf(quirk));
};

const patched = (type: (typeof TYPES)[number], ...operations: readonly JsonObject[]): Standardised<Json | undefined> => {
  const { value, met } = standardiseBody('patch', { schemas: [PATCH_OP_URN], Operations: operations }, type);
  return { value: value.Operations, met };
};

describe('the list', () => {
  test('has every row of the catalogue once, or the reason why no request shows it', () => {
    expect([...QUIRKS, ...NOT_IN_REQUESTS].map(({ id }) => id).sort()).toEqual([...CATALOGUE].sort());
  });

  test('has nothing that neither a replay sends nor a test here rewrites', () => {
    const titles = replayFiles().flatMap(({ replay }) => replay.steps.map(({ title }) => title));
    const shown = new Set<string>([
      ...titles.flatMap((title) => title.match(/\b[UPGFH]\d\d\b/g) ?? []),
      ...rewritten.map(({ id }) => id),
    ]);
    expect(QUIRKS.filter(({ id }) => !shown.has(id))).toEqual([]);
  });

  test.each(rewritten.map((quirk) => [quirk.id, quirk.meaning, quirk] as const))('%s: %s', (id, _meaning, quirk) => {
    const { value, met } = read(quirk, quirk.example);
    const standard = whole(quirk, quirk.standard);
    expect({ value, met }).toEqual({ value: standard, met: [id] });
    expect(read(quirk, quirk.standard)).toEqual({ value: standard, met: [] });
  });
});

describe('a standard request', () => {
  const unmet = <Value>(value: Value): Standardised<Value> => ({ value, met: [] });

  test('passes as the very same value', () => {
    fc.assert(
      fc.property(standardBody, ({ type, body }) => {
        const { value, met } = standardiseBody('body', body, type);
        expect(met).toEqual([]);
        expect(value).toBe(body);
      }),
    );
    fc.assert(
      fc.property(standardPatch, ({ type, body }) => {
        const { value, met } = standardiseBody('patch', body, type);
        expect(met).toEqual([]);
        expect(value).toBe(body);
      }),
    );
    fc.assert(fc.property(standardFilter, (filter) => expect(standardise('filter', filter, TYPES)).toEqual(unmet(filter))));
  });

  test.each(['', '?count=1&filter=userName%20eq%20%22a%2Bb%22'])('keeps its query %j', (query) => {
    expect(standardise('query', query)).toEqual(unmet(query));
  });

  test.each(['/', '/Users', '/Users/a.b', '/v2/Users/7'])('keeps its path %j', (path) => {
    expect(standardise('path', path)).toEqual(unmet(path));
  });

  test.each(['application/scim+json', 'text/plain', 'application/json-patch+json'])('keeps its content type %j', (type) => {
    expect(standardise('contentType', type)).toEqual(unmet(type));
  });

  test('of fifty thousand members is not copied', () => {
    const members = Array.from({ length: 50_000 }, (_, index) => ({ value: String(index), display: '', type: 'User' }));
    const body = { schemas: [GROUP_RESOURCE_TYPE.core.id], displayName: 'All', members };
    expect(standardiseBody('body', body, GROUP_RESOURCE_TYPE).value).toBe(body);
    const { value } = patched(GROUP_RESOURCE_TYPE, { op: 'Add', path: 'members', value: members });
    expect(value).toEqual([{ op: 'add', path: 'members', value: members }]);
    expect(isObject((value as readonly Json[])[0]) && (value as readonly JsonObject[])[0]?.value).toBe(members);
  });
});

describe('a rewrite', () => {
  const twice = <Value>(standardise: (value: Value) => Standardised<Value>, sent: Value): void => {
    const once = standardise(sent);
    const again = standardise(once.value);
    expect(again.met.filter((id) => id !== 'G10')).toEqual([]);
    expect(again.value).toBe(once.value);
  };

  test('of what was rewritten changes nothing', () => {
    for (const type of TYPES) {
      fc.assert(
        fc.property(bentBody, (body) => twice((sent: JsonObject) => standardiseBody('body', sent, type), body)),
        { numRuns: 500 },
      );
      fc.assert(
        fc.property(bentPatch, (body) => twice((sent: JsonObject) => standardiseBody('patch', sent, type), body)),
        { numRuns: 500 },
      );
    }
    fc.assert(
      fc.property(bentFilter, (text) => twice((sent: string) => standardise('filter', sent, TYPES), text)),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(bentAddress, (text) => twice((sent: string) => standardise('path', sent), text)));
    fc.assert(fc.property(bentAddress, (text) => twice((sent: string) => standardise('query', sent), `?${text}`)));
    fc.assert(fc.property(bentContentType, (text) => twice((sent: string) => standardise('contentType', sent), text)));
  });

  test('leaves what was sent as it was', () => {
    const sent = { op: 'Add', path: 'manager', value: ['7'] };
    const body = { Operations: [sent] };
    standardiseBody('patch', body, USER_RESOURCE_TYPE);
    expect(body).toEqual({ Operations: [{ op: 'Add', path: 'manager', value: ['7'] }] });
  });
});

describe('several quirks in one request', () => {
  const met = (...ids: readonly QuirkId[]): readonly QuirkId[] => ids;

  test.each<readonly [string, JsonObject, readonly JsonObject[], readonly QuirkId[]]>([
    [
      'a manager in a list of one, by a bare word',
      { op: 'Add', path: 'manager', value: ['7'] },
      [{ op: 'add', path: `${ENTERPRISE_URN}:manager`, value: { value: '7' } }],
      met('U02', 'U11', 'U10'),
    ],
    [
      'an address alone as a word',
      { op: 'add', path: 'emails', value: 'a@b' },
      [{ op: 'add', path: 'emails', value: [{ value: 'a@b' }] }],
      met('P22', 'U10'),
    ],
    [
      'a flag within an element',
      { op: 'add', path: 'emails', value: [{ value: 'a@b', primary: 'True' }] },
      [{ op: 'add', path: 'emails', value: [{ value: 'a@b', primary: true }] }],
      met('U19'),
    ],
    [
      'an element behind a filter',
      { op: 'replace', path: 'emails[type eq "work"]', value: [{ value: '' }] },
      [{ op: 'replace', path: 'emails[type eq "work"]', value: null }],
      met('U11'),
    ],
    [
      'keys of every kind, in their order',
      {
        op: 'replace',
        value: {
          manager: '7',
          title: 'Dr',
          'manager.value': '',
          [`${ENTERPRISE_URN}.department`]: 'R',
          'emails[type eq "work"].value': 'a@b',
        },
      },
      [
        { op: 'replace', path: `${ENTERPRISE_URN}:manager`, value: { value: '7' } },
        { op: 'replace', value: { title: 'Dr' } },
        { op: 'replace', path: `${ENTERPRISE_URN}:manager.value`, value: null },
        { op: 'replace', path: `${ENTERPRISE_URN}:department`, value: 'R' },
        { op: 'replace', path: 'emails[type eq "work"].value', value: 'a@b' },
      ],
      met('U04', 'U06', 'U11', 'U10', 'U24'),
    ],
    [
      'names that mean nothing',
      { op: 'replace', value: { 'shoe.size': 7, 'meta.version': '1', 'urn:x:y:z': 1 } },
      [{ op: 'replace', value: { 'shoe.size': 7, 'meta.version': '1', 'urn:x:y:z': 1 } }],
      met(),
    ],
  ])('%s', (_name, operation, standard, ids) => {
    expect(patched(USER_RESOURCE_TYPE, operation)).toEqual({ value: standard, met: ids });
  });

  test('in a body: paths go where they belong', () => {
    const { value, met: found } = standardiseBody(
      'body',
      {
        name: { givenName: 'Ada' },
        'name.familyName': 'L',
        [`${ENTERPRISE_URN}:department`]: 'R',
        [`${ENTERPRISE_URN}:manager`]: '7',
        manager: 'x',
      },
      USER_RESOURCE_TYPE,
    );
    expect(value).toEqual({
      name: { givenName: 'Ada', familyName: 'L' },
      [ENTERPRISE_URN]: { department: 'R', manager: { value: '7' } },
      manager: 'x',
    });
    expect(found).toEqual(['U04', 'U06', 'U10']);
  });

  test('a member alone, in a body', () => {
    expect(standardiseBody('body', { displayName: 'A', members: { value: '7' } }, GROUP_RESOURCE_TYPE).value.members).toEqual([
      { value: '7' },
    ]);
    expect(
      standardiseBody('body', { displayName: 'A', members: ['7', { value: '8' }] }, GROUP_RESOURCE_TYPE).value.members,
    ).toEqual([{ value: '7' }, { value: '8' }]);
  });
});

describe('a remove', () => {
  test('of listed members is known as one, and takes no more than it says', () => {
    const listed = { op: 'Remove', path: 'members', value: [{ $ref: null, value: '7' }] };
    expect(patched(GROUP_RESOURCE_TYPE, listed)).toEqual({ value: [{ ...listed, op: 'remove' }], met: ['U02', 'G10'] });
    expect(patched(GROUP_RESOURCE_TYPE, { op: 'remove', path: 'members' }).met).toEqual([]);
  });

  test.each(['', [], {}])('of %j does not become a remove of all', (value) => {
    const operation = { op: 'remove', path: 'members', value };
    expect(patched(GROUP_RESOURCE_TYPE, operation).value).toEqual([operation]);
  });
});
