import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '../../lib/protocol/document.js';
import { parseFilter, parsePatchPath, resolveFilter } from '../../lib/protocol/filter.js';
import { matchesElement, matchesFilter } from '../../lib/protocol/match.js';
import { ENTERPRISE_URN, USER_RESOURCE_TYPE, USER_URN } from '../../lib/protocol/resource-schemas.js';

const BARBARA: JsonObject = {
  schemas: [USER_URN, ENTERPRISE_URN],
  id: '7',
  externalId: 'Bj-7',
  userName: 'BJensen@example.com',
  name: { familyName: 'Jensen', givenName: 'Bárbara' },
  title: '',
  nickName: '100%_\\',
  active: true,
  emails: [
    { value: 'work@example.com', type: 'work', primary: true },
    { value: 'home@example.org', type: 'home' },
  ],
  phoneNumbers: [],
  ims: [{}, { value: '' }],
  meta: { resourceType: 'User', created: '2026-07-21T09:00:00.123Z' },
  [ENTERPRISE_URN]: { department: 'Tours', manager: { value: '9' } },
};

const matches = (text: string): boolean => matchesFilter(BARBARA, resolveFilter(USER_RESOURCE_TYPE, parseFilter(text)));

describe('matchesFilter', () => {
  test.each([
    'userName eq "bjensen@EXAMPLE.com"',
    'externalId eq "Bj-7"',
    'userName sw "bj" and userName co "SEN@" and userName ew ".COM"',
    'nickName ew "%_\\\\"',
    'name.familyName gt "jensem" and name.familyName le "JENSEN"',
    'emails eq "home@example.org"',
    'emails[type eq "work" and value sw "work"]',
    'emails[type ne "work"]',
    'emails[not (primary eq true)]',
    'emails.primary eq true',
    'emails.type ne "work"',
    'emails.type ne "other"',
    'not (emails.type eq "other")',
    `${ENTERPRISE_URN}:manager eq "9"`,
    `${ENTERPRISE_URN}:department eq "tours"`,
    `schemas eq "${USER_URN}"`,
    `schemas[value eq "${USER_URN}"]`,
    'name[familyName eq "jensen" and givenName pr]',
    'meta.created eq "2026-07-21T11:00:00.123+02:00"',
    'meta.created ge "2026-07-21T09:00:00.123Z" and meta.created lt "2026-07-21T09:00:00.124Z"',
    'title ne "x"',
    'title eq null',
    'locale eq null and userName ne null',
    'not (title pr or phoneNumbers pr or ims pr or roles pr)',
    'name pr and emails pr and meta pr',
    'userName co ""',
  ])('accepts %s', (text) => {
    expect(matches(text)).toBe(true);
  });

  test.each([
    'externalId eq "bj-7"',
    'userName ne "bjensen@example.COM"',
    'emails[type eq "home" and value sw "work"]',
    'emails[primary eq false]',
    'emails.primary ne true',
    'phoneNumbers[not (type eq "work")]',
    'ims[not (type eq "work")]',
    'addresses[type ne "work"]',
    'title eq ""',
    'title co ""',
    'title lt "x"',
    'locale ge ""',
    'nickName co "0_"',
    'meta.lastModified gt "2000-01-01T00:00:00Z"',
    'userName gt "\\u0000"',
    'userName co "\\ud800"',
  ])('does not accept %s', (text) => {
    expect(matches(text)).toBe(false);
  });

  test('orders text by code point', () => {
    const filter = resolveFilter(USER_RESOURCE_TYPE, parseFilter('nickName gt "\\uffee"'));
    expect(matchesFilter({ nickName: '😀' }, filter)).toBe(true);
  });

  test('is not confused by a value of another type than the schema has', () => {
    const filter = resolveFilter(
      USER_RESOURCE_TYPE,
      parseFilter('userName eq "1" or active eq true or meta.created pr or emails.value pr'),
    );
    expect(matchesFilter({ userName: 1, active: 'true', meta: 'x', emails: 'y' }, filter)).toBe(false);
  });
});

describe('matchesElement', () => {
  test('chooses the element that a PATCH path speaks of', () => {
    const path = parsePatchPath('emails[type eq "work" and primary eq true].value', USER_RESOURCE_TYPE);
    const filter = path.kind === 'attribute' ? path.filter : undefined;
    expect(filter && matchesElement({ type: 'Work', primary: true }, filter)).toBe(true);
    expect(filter && matchesElement({ type: 'work' }, filter)).toBe(false);
  });
});
