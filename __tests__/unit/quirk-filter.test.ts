import { describe, expect, test } from '@jest/globals';
import { standardise } from '../../lib/protocol/quirks.js';
import { ENTERPRISE_URN, GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';

const TYPES = [USER_RESOURCE_TYPE, GROUP_RESOURCE_TYPE];

describe('a filter', () => {
  test.each([
    [
      'emails[type eq "work" or primary eq true].value pr and a eq "1"',
      'emails[(type eq "work" or primary eq true) and value pr] and a eq "1"',
    ],
    [
      '(emails[type eq "a]"].value  co  "x y") or not (email pr)',
      '(emails[type eq "a]" and value  co  "x y"]) or not (emails pr)',
    ],
    ['emails[type eq "work"].primary eq "True"', 'emails[type eq "work" and primary eq true]'],
    ['Email.Value eq "x" and department pr', `emails.Value eq "x" and ${ENTERPRISE_URN}:department pr`],
    ['active ne "false"', 'active ne false'],
  ])('reads %s as %s', (bent, straight) => {
    expect(standardise('filter', bent, [USER_RESOURCE_TYPE]).value).toBe(straight);
  });

  test.each([
    'emails[type eq "work"].value',
    'emails[type eq "work"].value eq',
    'emails[type eq "work"].value eq "x" "y"',
    'userName eq jyoung',
    'userName eq "True"',
    'title eq "manager eq \\"x\\""',
    'emails[email eq "x"]',
    'userName eq "x',
    '"',
    ')][(',
    `userName eq "${'x'.repeat(20_000)}"`,
  ])('keeps %j', (text) => {
    expect(standardise('filter', text, [USER_RESOURCE_TYPE])).toEqual({ value: text, met: [] });
  });

  test('of groups has no addresses', () => {
    expect(standardise('filter', 'email eq "x"', [GROUP_RESOURCE_TYPE]).met).toEqual([]);
  });

  test('lends its names to attributes and sortBy', () => {
    expect(standardise('names', 'userName, manager,shoe', TYPES)).toEqual({
      value: `userName, ${ENTERPRISE_URN}:manager,shoe`,
      met: ['F10'],
    });
  });
});
