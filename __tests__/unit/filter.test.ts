import { describe, expect, test } from '@jest/globals';
import { ScimError } from '../../lib/protocol/errors.js';
import {
  type Filter,
  formatFilter,
  MAX_FILTER_ELEMENT_TERMS,
  MAX_FILTER_LENGTH,
  MAX_FILTER_NESTING,
  MAX_FILTER_TERMS,
  parseFilter,
  parsePatchPath,
  resolveFilter,
} from '../../lib/protocol/filter.js';
import { GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';
import type { AttributePath, BoundAttribute, ResourceType } from '../../lib/protocol/schema.js';

const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const failureOf = (action: () => unknown): ScimError => {
  try {
    action();
  } catch (error) {
    if (error instanceof ScimError) return error;
    throw error;
  }
  throw new Error('no failure');
};

const equal = (name: string, value: string): Filter<AttributePath> => ({ kind: 'compare', op: 'eq', path: { name }, value });

describe('parseFilter', () => {
  test.each(['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'] as const)('reads the operator %s in any case', (op) => {
    const expected = { kind: 'compare', op, path: { name: 'userName' }, value: 'bjensen' };
    expect(parseFilter(`userName ${op} "bjensen"`)).toEqual(expected);
    expect(parseFilter(`  userName   ${op.toUpperCase()}\t"bjensen" `)).toEqual(expected);
  });

  test.each([
    ['"a\\"b\\\\c\\/\\n\\u00e9\\ud83d\\ude00"', 'a"b\\c/\né😀'],
    ['""', ''],
    ['" and ) or ["', ' and ) or ['],
    ['true', true],
    ['False', false],
    ['-1.5e+3', -1500],
    ['0', 0],
  ])('reads the value %s', (text, value) => {
    expect(parseFilter(`a eq ${text}`)).toEqual({ kind: 'compare', op: 'eq', path: { name: 'a' }, value });
  });

  test('reads null as absence', () => {
    expect(parseFilter('title eq null')).toEqual(parseFilter('not (title pr)'));
    expect(parseFilter('title ne NULL')).toEqual(parseFilter('title PR'));
    expect(failureOf(() => parseFilter('title gt null')).kind).toBe('invalidFilter');
  });

  test('binds "and" closer than "or", and "not" to its brackets', () => {
    expect(parseFilter('a eq "1" or b eq "2" And not (c eq "3") AND d pr')).toEqual({
      kind: 'or',
      operands: [
        equal('a', '1'),
        {
          kind: 'and',
          operands: [equal('b', '2'), { kind: 'not', operand: equal('c', '3') }, { kind: 'present', path: { name: 'd' } }],
        },
      ],
    });
    expect(parseFilter('(a eq "1" or b eq "2") and c eq "3"')).toEqual({
      kind: 'and',
      operands: [{ kind: 'or', operands: [equal('a', '1'), equal('b', '2')] }, equal('c', '3')],
    });
  });

  test.each([
    ['name.familyName pr', { name: 'name', sub: 'familyName' }],
    ['members.$ref pr', { name: 'members', sub: '$ref' }],
    [
      'urn:ietf:params:scim:schemas:core:2.0:User:userName pr',
      { urn: 'urn:ietf:params:scim:schemas:core:2.0:User', name: 'userName' },
    ],
    [`${ENTERPRISE}:manager.value pr`, { urn: ENTERPRISE, name: 'manager', sub: 'value' }],
  ])('reads the path of %s', (text, path) => {
    expect(parseFilter(text)).toEqual({ kind: 'present', path });
  });

  test('reads the conditions of a value path as conditions on the same element', () => {
    expect(parseFilter('emails[type eq "work" and value eq "x@y"]')).toEqual({
      kind: 'valuePath',
      path: { name: 'emails' },
      filter: { kind: 'and', operands: [equal('type', 'work'), equal('value', 'x@y')] },
    });
  });

  test.each([
    ['', 1, 'attribute name'],
    ['userName', 9, 'operator'],
    ['userName is "x"', 10, 'operator'],
    ['userName eq', 12, 'quotation marks'],
    ['externalId eq jyoung', 15, '("jyoung", not jyoung)'],
    ['id eq 54D382A4-2050', 7, 'quotation marks'],
    ['a eq 1e999', 6, 'number'],
    ['a eq "x" b eq "y"', 10, '"and", "or" or the end'],
    ['a eq "x" and', 13, 'attribute name'],
    ['(a eq "x"', 10, '")"'],
    ['a eq "x")', 9, 'the end'],
    ['not a eq "x"', 5, '"("'],
    ['a eq "x', 6, 'closing quotation mark'],
    ['a eq "\\x"', 6, 'escapes'],
    ['a eq "\n"', 6, 'escapes'],
    ['emails[type eq "work"', 22, '"]"'],
    ['emails[] pr', 8, 'attribute name'],
    ['emails[a[b pr]]', 9, 'value path'],
    ['emails[type eq "work"].value eq "x"', 23, 'end of the filter'],
    ['a.b.c eq "x"', 1, 'attribute name'],
    ['Größe eq "x"', 1, 'attribute name'],
    ['1a eq "x"', 1, 'attribute name'],
    ['\ud800 eq "x"', 1, 'attribute name'],
  ])('names the position of what is wrong in %j', (text, position, expected) => {
    const failure = failureOf(() => parseFilter(text));
    expect(failure.kind).toBe('invalidFilter');
    expect(failure.detail).toContain(`position ${position}:`);
    expect(failure.detail).toContain(expected);
    expect(failure.detail.length).toBeLessThan(300);
  });

  test.each([
    ['nested groups', '('.repeat(1000)],
    ['closed nested groups', `${'('.repeat(1000)}a pr${')'.repeat(1000)}`],
    ['nested negations', `${'not ('.repeat(1000)}a pr${')'.repeat(1000)}`],
    ['nested value paths', 'a['.repeat(1000)],
    ['many terms', Array.from({ length: 10_000 }, () => 'a pr').join(' or ')],
    ['terms beyond the limit', Array.from({ length: MAX_FILTER_TERMS + 1 }, () => 'a pr').join(' or ')],
    ['terms beyond the limit in value paths', Array.from({ length: MAX_FILTER_ELEMENT_TERMS + 1 }, () => 'a[b pr]').join(' or ')],
    [
      'terms beyond the limit in one value path',
      `a[${Array.from({ length: MAX_FILTER_ELEMENT_TERMS + 1 }, () => 'b pr').join(' or ')}]`,
    ],
    ['a long value', `a eq "${'x'.repeat(MAX_FILTER_LENGTH)}"`],
    ['a long unterminated value', `a eq "${'\\"'.repeat(4000)}`],
    ['a long URN', `urn:${':'.repeat(9000)} pr`],
    ['blanks', ' '.repeat(9000)],
  ])('refuses %s', (_what, text) => {
    expect(failureOf(() => parseFilter(text)).kind).toBe('invalidFilter');
  });

  test('takes what is at the limits', () => {
    const groups = MAX_FILTER_NESTING;
    expect(parseFilter(`${'('.repeat(groups)}a pr${')'.repeat(groups)}`)).toEqual(parseFilter('a pr'));
    expect(parseFilter(Array.from({ length: MAX_FILTER_TERMS }, () => '(a pr)').join(' or ')).kind).toBe('or');
    expect(parseFilter(Array.from({ length: MAX_FILTER_ELEMENT_TERMS }, () => 'a[b pr]').join(' or ')).kind).toBe('or');
    const inPath = Array.from({ length: MAX_FILTER_TERMS }, () => 'value pr').join(' or ');
    expect(parsePatchPath(`members[${inPath}]`, GROUP_RESOURCE_TYPE)).toMatchObject({ filter: { kind: 'or' } });
  });
});

describe('formatFilter', () => {
  test.each([
    'userName eq "a\\"b"',
    'a pr or (b pr or c pr) or d pr and e pr',
    '(a pr or b pr) and (c pr and d pr)',
    'not (a pr and b pr)',
    `${ENTERPRISE}:manager.value eq "1"`,
    'emails[type eq "work" and (value co "x" or primary eq true)] and active eq false',
  ])('writes %s as it was', (text) => {
    expect(formatFilter(parseFilter(text))).toBe(text);
  });
});

const resolved = (text: string, type: ResourceType = USER_RESOURCE_TYPE): Filter<BoundAttribute> =>
  resolveFilter(type, parseFilter(text));

const refusal = (text: string, type: ResourceType = USER_RESOURCE_TYPE): string => {
  const failure = failureOf(() => resolved(text, type));
  expect(failure.kind).toBe('invalidFilter');
  return failure.detail;
};

describe('resolveFilter', () => {
  test.each([
    ['USERNAME eq "x"', 'userName eq "x"'],
    ['urn:ietf:params:scim:schemas:core:2.0:user:username eq "x"', 'userName eq "x"'],
    ['emails eq "x"', 'emails.value eq "x"'],
    ['emails co "x"', 'emails.value co "x"'],
    [`${ENTERPRISE}:manager eq "x"`, `${ENTERPRISE}:manager.value eq "x"`],
    ['groups eq "x"', 'groups.value eq "x"'],
    ['meta.created gt "2026-07-21T11:00:00+02:00"', 'meta.created gt "2026-07-21T09:00:00.000Z"'],
    ['meta.created gt "2026-07-21T09:00:00"', 'meta.created gt "2026-07-21T09:00:00Z"'],
  ])('reads %s as %s', (bent, straight) => {
    expect(resolved(bent)).toEqual(resolved(straight));
  });

  test('compares the value of members', () => {
    expect(resolved('members eq "7"', GROUP_RESOURCE_TYPE)).toEqual(resolved('members.value eq "7"', GROUP_RESOURCE_TYPE));
  });

  test('names the attribute that no schema has', () => {
    expect(refusal('mail eq "x"')).toContain('"mail"');
    expect(refusal('name.nickName eq "x"')).toContain('"name.nickName"');
    expect(refusal('emails[label eq "x"]')).toContain('"label"');
    expect(refusal('urn:example:2.0:User:userName eq "x"')).toContain('urn:example');
    expect(refusal('email eq "x"')).toContain('"email"');
    expect(refusal('department eq "x"')).toContain('"department"');
  });

  test.each([
    ['password eq "x"'],
    ['password pr'],
    ['active gt true'],
    ['active co "t"'],
    ['active eq "yes"'],
    ['active eq "True"'],
    ['emails[primary eq "true"]'],
    ['active eq 1'],
    ['name eq "x"'],
    ['addresses co "x"'],
    ['x509Certificates.value gt "x"'],
    ['x509Certificates.value co "x"'],
    ['meta.created co "2026"'],
    ['meta.created eq "yesterday"'],
    ['meta.created eq "2026-02-30T00:00:00Z"'],
    ['meta.created eq "0000-01-01T00:00:00Z"'],
    ['meta.created eq "0001-01-01T00:00:00+10:00"'],
    ['meta.created eq "9999-12-31T23:59:59-10:00"'],
    ['externalId eq 123'],
    ['userName eq true'],
    ['userName[value eq "x"]'],
    ['emails.value[type eq "x"]'],
    ['emails[value.x eq "x"]'],
  ])('refuses %s', (text) => {
    refusal(text);
  });

  test('says what the type can do', () => {
    expect(refusal('active gt true')).toBe('"active" (boolean) cannot be compared with "gt"; it takes eq, ne, pr.');
    expect(refusal('externalId eq 123')).toContain('expected a string in quotation marks');
    expect(refusal('name eq "x"')).toContain('pr; or name one of its sub-attributes');
  });

  test('lets any attribute be asked for presence', () => {
    for (const path of ['name', 'meta', 'emails', 'addresses', 'x509Certificates.value', 'schemas', `${ENTERPRISE}:manager`]) {
      expect(resolved(`${path} pr`).kind).toBe('present');
    }
  });
});
