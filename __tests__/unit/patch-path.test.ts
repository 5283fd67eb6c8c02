import { describe, expect, test } from '@jest/globals';
import { ScimError } from '../../lib/protocol/errors.js';
import { type PatchPath, parseFilter, parsePatchPath, resolveFilter } from '../../lib/protocol/filter.js';
import { ENTERPRISE_URN, GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';
import type { ResourceType } from '../../lib/protocol/schema.js';

const outline = (text: string, type: ResourceType = USER_RESOURCE_TYPE): unknown => {
  const path: PatchPath = parsePatchPath(text, type);
  switch (path.kind) {
    case 'unknown':
      return 'unknown';
    case 'extension':
      return path.extension.id;
    case 'attribute':
      return [path.bound.extension, path.bound.attribute.name, path.bound.subAttribute?.name, path.filter !== undefined];
  }
};

const kindOf = (text: string, type: ResourceType = USER_RESOURCE_TYPE): string => {
  try {
    parsePatchPath(text, type);
  } catch (error) {
    if (error instanceof ScimError) return error.kind;
    throw error;
  }
  return 'none';
};

describe('parsePatchPath', () => {
  test.each([
    ['active', [undefined, 'active', undefined, false]],
    [' DISPLAYNAME ', [undefined, 'displayName', undefined, false]],
    ['name.givenName', [undefined, 'name', 'givenName', false]],
    ['emails[type eq "work"]', [undefined, 'emails', undefined, true]],
    ['emails[type eq "work"].value', [undefined, 'emails', 'value', true]],
    ['roles[primary eq true].value', [undefined, 'roles', 'value', true]],
    ['addresses[ type eq "a]b" ].locality', [undefined, 'addresses', 'locality', true]],
    [`${ENTERPRISE_URN}:manager`, [ENTERPRISE_URN, 'manager', undefined, false]],
    [`${ENTERPRISE_URN}:manager.value`, [ENTERPRISE_URN, 'manager', 'value', false]],
    ['urn:ietf:params:scim:schemas:core:2.0:User:name.familyName', [undefined, 'name', 'familyName', false]],
    ['urn:ietf:params:scim:schemas:core:2.0:User:emails[primary eq true].value', [undefined, 'emails', 'value', true]],
    ['password', [undefined, 'password', undefined, false]],
  ])('binds %s', (text, expected) => {
    expect(outline(text)).toEqual(expected);
  });

  test('binds the value filter to the sub-attributes of the element', () => {
    const path = parsePatchPath('members[value eq "7"]', GROUP_RESOURCE_TYPE);
    const whole = resolveFilter(GROUP_RESOURCE_TYPE, parseFilter('members[value eq "7"]'));
    expect(path.kind === 'attribute' && path.filter).toEqual(whole.kind === 'valuePath' && whole.filter);
    expect(path.kind === 'attribute' && path.filter?.kind === 'compare' && path.filter.path.attribute.name).toBe('value');
  });

  test('knows a whole extension by its URN in any case', () => {
    expect(outline(ENTERPRISE_URN)).toBe(ENTERPRISE_URN);
    expect(outline(ENTERPRISE_URN.toUpperCase())).toBe(ENTERPRISE_URN);
  });

  test.each([
    'favouriteColour',
    'manager',
    'name.nick',
    'emails[type eq "work"].label',
    'colours[value eq "red"]',
    'urn:example:1.0:User:shoe',
  ])('leaves the unknown %s to the caller', (text) => {
    expect(outline(text)).toBe('unknown');
  });

  test.each([
    '',
    ' ',
    '.',
    'name.',
    'a.b.c',
    '[type eq "x"]',
    'emails]',
    'emails[type eq "work"]value',
    'emails[type eq "work"].a.b',
    'emails[type eq "work"][0]',
    'two words',
    '"quoted"',
    'userName[value eq "x"]',
    'emails.value[type eq "x"]',
    `a${'x'.repeat(20_000)}`,
  ])('refuses the path %j', (text) => {
    expect(kindOf(text)).toBe('invalidPath');
  });

  test.each([
    'emails[',
    'emails[]',
    'emails[type eq work]',
    'emails[type eq "work"',
    'emails[label eq "x"]',
    'emails[primary eq "True"]',
    'emails[a[b pr]]',
    `emails[${'('.repeat(1000)}`,
    'emails[type eq "x].value',
  ])('refuses the value filter of %j', (text) => {
    expect(kindOf(text)).toBe('invalidFilter');
  });
});
