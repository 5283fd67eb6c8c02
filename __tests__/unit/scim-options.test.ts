import { describe, expect, test } from '@jest/globals';
import { resolveScimOptions } from '../../lib/host/scim-options.js';

describe('resolveScimOptions', () => {
  test('fills in the documented defaults', () => {
    expect(resolveScimOptions({})).toMatchObject({
      defaultRootRole: 'Viewer',
      retainAdminAccess: true,
      groupsPages: true,
      poolSize: 4,
      maxRequestsPerSecond: 10_000,
    });
  });

  test('takes names of recovery admins in any case', () => {
    expect(resolveScimOptions({ recoveryAdmins: ['ADMIN', 'Break.Glass@Example.com'] }).recoveryAdmins).toEqual([
      'admin',
      'break.glass@example.com',
    ]);
  });

  test.each([
    ['retainAdminAcces', { retainAdminAcces: false }],
    ['retainAdminAccess', { retainAdminAccess: 'no' }],
    ['defaultRootRole', { defaultRootRole: '' }],
    ['recoveryAdmins', { recoveryAdmins: 'admin' }],
    ['bodyLimit', { bodyLimit: 12 }],
    ['poolSize', { poolSize: 0 }],
    ['poolSize', { poolSize: 51 }],
    ['maxRequestsPerSecond', { maxRequestsPerSecond: 0 }],
    ['defaultPageSize', { defaultPageSize: 20, maxPageSize: 10 }],
  ])('refuses an option that is unknown or wrong, and names it: %s', (name, options) => {
    expect(() => resolveScimOptions(options as object)).toThrow(new RegExp(`^unleash-scim: .*"${name}"`));
  });

  test('names every wrong option at once', () => {
    expect(() => resolveScimOptions({ one: 1, two: 2 } as object)).toThrow(/"one".*"two"/);
  });

  test('takes a token of 512 characters, and refuses a longer one without telling it', () => {
    expect(resolveScimOptions({ initToken: 'x'.repeat(512) }).initToken).toHaveLength(512);
    expect(() => resolveScimOptions({ initToken: 'x'.repeat(513) })).toThrow(/INIT_SCIM_TOKEN.*at most 512 characters$/);
  });

  test('refuses a token that is too short without telling it', () => {
    const initToken = 'short-secret';
    expect(() => resolveScimOptions({ initToken })).toThrow(/INIT_SCIM_TOKEN.*32 characters/);
    expect(() => resolveScimOptions({ initToken })).not.toThrow(new RegExp(initToken));
  });
});
