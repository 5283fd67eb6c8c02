import { describe, expect, test } from '@jest/globals';
import { check } from '../soak/check.js';
import type { Call, Rest } from '../soak/history.js';
import {
  call,
  created,
  event,
  group,
  membership,
  patched,
  read,
  readGroup,
  rest,
  STATEMENT,
  settings,
} from './soak-histories.js';

const whatIsWrong = (calls: readonly Call[], tables: Rest): readonly string[] => check(calls, tables).map(({ what }) => what);

const NO_ANSWER = { status: undefined, answer: {} };

describe('the check of a history finds nothing', () => {
  test.each<readonly [string, readonly Call[], Rest]>([
    [
      'in a history without a fault',
      [created(), patched(2, { title: 'A' }, 2, { title: 'A' }), read(4, 2, { title: 'A' })],
      rest(2),
    ],
    [
      'where a call without an answer was done',
      [created(), patched(2, { title: 'A' }, 0, {}, NO_ANSWER), read(4, 2, { title: 'A' })],
      rest(2),
    ],
    [
      'where a call without an answer was not done',
      [created(), patched(2, { title: 'A' }, 0, {}, NO_ANSWER), read(4, 1, {})],
      rest(1),
    ],
    [
      'where a call without an answer is done later than what was sent after it',
      [created(), group(1, []), membership(2, ['p'], [], NO_ANSWER), membership(4, [], ['p']), readGroup(6, 2, ['p'])],
      rest(1),
    ],
    [
      'where the create had no answer, and somebody found who was made, and deleted them',
      [
        { ...created(), ...NO_ANSWER, end: Number.POSITIVE_INFINITY },
        read(2, 1, {}),
        call(4, { on: 'person', does: 'delete', id: 'p' }, { status: 204 }),
      ],
      rest(2, {
        people: [{ userId: 1, id: 'p', state: 'gone', version: 2 }],
        events: [event(1, 'user-created'), event(2, 'user-deleted')],
      }),
    ],
    [
      'where the create of somebody inactive had no answer',
      [
        call(
          0,
          { on: 'person', does: 'create', statement: STATEMENT, active: false },
          { ...NO_ANSWER, end: Number.POSITIVE_INFINITY },
        ),
        read(2, 2, { active: false }),
        patched(4, { title: 'A' }, 3, { title: 'A', active: false }),
      ],
      rest(3, {
        people: [{ userId: 1, id: 'p', state: 'suspended', version: 3 }],
        events: [event(1, 'user-created'), event(2, 'user-deleted'), event(3, 'user-updated')],
      }),
    ],
    [
      'where two overlap, and the one that began first is done last',
      [created(), group(1, []), membership(2, ['p'], [], {}, 5), membership(3, [], ['p']), readGroup(8, 3, ['p'])],
      rest(1),
    ],
    [
      'where a token is replaced while it is used',
      [created(), call(2, { on: 'person', does: 'read', id: 'p' }, { status: 401 }, 3), settings(3, 'token', 1)],
      rest(1),
    ],
    [
      'where a name goes from who was deleted to somebody new',
      [created(), call(2, { on: 'person', does: 'delete', id: 'p' }, { status: 204 }), created('q', 4)],
      rest(1, {
        people: [
          { userId: 1, id: 'p', state: 'gone', version: 2 },
          { userId: 2, id: 'q', state: 'active', version: 1 },
        ],
        events: [event(1, 'user-created'), event(2, 'user-deleted'), event(3, 'user-created', { userId: 2 })],
      }),
    ],
    [
      'where a name goes from who was created by a long bulk request to somebody new, before that request is answered',
      [{ ...created('p', 0), end: 9 }, call(2, { on: 'person', does: 'delete', id: 'p' }, { status: 204 }), created('q', 4)],
      rest(1, {
        people: [
          { userId: 1, id: 'p', state: 'gone', version: 2 },
          { userId: 2, id: 'q', state: 'active', version: 1 },
        ],
        events: [event(1, 'user-created'), event(2, 'user-deleted'), event(3, 'user-created', { userId: 2 })],
      }),
    ],
  ])('%s', (_name, calls, tables) => {
    expect(whatIsWrong(calls, tables)).toEqual([]);
  });
});

describe('the check of a history finds', () => {
  test.each<readonly [string, readonly Call[], Rest, RegExp]>([
    [
      'somebody whom nobody made',
      [
        { ...created(), ...NO_ANSWER, end: Number.POSITIVE_INFINITY },
        read(2, 1, { title: 'B' }),
        call(4, { on: 'person', does: 'delete', id: 'p' }, { status: 204 }),
      ],
      rest(2, {
        people: [{ userId: 1, id: 'p', state: 'gone', version: 2 }],
        events: [event(1, 'user-created'), event(2, 'user-deleted')],
      }),
      /2 of the versions up to 2 have no cause; 1 may have none/,
    ],
    [
      'an update that was made of an older state',
      [created(), patched(2, { title: 'A' }, 2, { title: 'A' }), patched(2, { displayName: 'B' }, 3, { displayName: 'B' })],
      rest(3),
      /nothing that was sent leads to version 3: a change is lost/,
    ],
    [
      'an update that is not there later',
      [created(), patched(2, { title: 'A' }, 2, { title: 'A' }), read(4, 1, {})],
      rest(2),
      /version 1 was seen after version 2: a change is lost/,
    ],
    [
      'an update that is not there at rest',
      [created(), patched(2, { title: 'A' }, 2, { title: 'A' })],
      rest(1),
      /at rest it is version 1: a change is lost/,
    ],
    [
      'one version with two contents',
      [created(), patched(2, { title: 'A' }, 2, { title: 'A' }), patched(2, { title: 'B' }, 2, { title: 'B' })],
      rest(2),
      /version 2 was seen with two contents/,
    ],
    [
      'a change of which one half is done',
      [created(), patched(2, { title: 'A', displayName: 'B' }, 2, { title: 'A' })],
      rest(2),
      /does not show what was written/,
    ],
    [
      'a change that is done though it was refused',
      [created(), patched(2, { title: 'A' }, 0, {}, { status: 503, retryAfter: true, answer: {} }), read(4, 2, { title: 'A' })],
      rest(2),
      /nothing that was sent leads to version 2/,
    ],
    [
      'a change that is done twice',
      [created(), patched(2, { title: 'A' }, 2, { title: 'A' })],
      rest(3),
      /1 of the versions up to 3 have no cause/,
    ],
    [
      'an If-Match that was ignored',
      [created(), patched(2, { title: 'A' }, 2, { title: 'A' }), patched(4, { title: 'B' }, 3, { title: 'B' }, { ifMatch: 1 })],
      rest(3),
      /If-Match named version 1, which was over/,
    ],
    [
      'an If-Match that was ignored beside another change',
      [created(), patched(2, { title: 'A' }, 2, { title: 'A' }), patched(2, { title: 'B' }, 3, { title: 'B' }, { ifMatch: 1 })],
      rest(3),
      /If-Match named version 1, and the write made version 3/,
    ],
    [
      'two changes of a group that name one version',
      [
        created(),
        group(1, []),
        readGroup(3, 1, []),
        membership(5, ['p'], [], { ifMatch: 1 }),
        membership(5, ['q'], [], { ifMatch: 1 }),
      ],
      rest(1),
      /two changes were made to version 1: If-Match was ignored/,
    ],
    [
      'a member who is not there',
      [created(), group(1, []), membership(3, ['p'], []), readGroup(5, 2, [])],
      rest(1),
      /p is not shown in the group g, and had entered: a change is lost/,
    ],
    [
      'a member who is still there, in what the person shows',
      [created(), group(1, ['p']), membership(3, [], ['p']), read(5, 1, {}, ['g'])],
      rest(1),
      /p is shown in the group g, and had left: a change is lost/,
    ],
    [
      'somebody who comes back from deletion',
      [created(), call(2, { on: 'person', does: 'delete', id: 'p' }, { status: 204 }), read(4, 1, {})],
      rest(1),
      /there after its deletion/,
    ],
    [
      'somebody who is missing though nobody deleted them',
      [created(), call(2, { on: 'person', does: 'read', id: 'p' }, { status: 404 })],
      rest(1, { people: [], events: [] }),
      /404 for what nobody has deleted.*is not there at rest/s,
    ],
    ['one name for two', [created(), created('q', 2)], rest(1), /two have one name/],
    [
      'a token that is accepted after it was replaced',
      [created(), settings(2, 'token', 1), read(4, 1, {})],
      rest(1),
      /a token that had been replaced was answered 200/,
    ],
    [
      'a good token that is refused',
      [created(), call(2, { on: 'person', does: 'read', id: 'p' }, { status: 401 })],
      rest(1),
      /a token was refused that was good/,
    ],
    [
      'an answer while SCIM is off',
      [created(), settings(2, 'switch off'), read(4, 1, {}), settings(6, 'switch on')],
      rest(1),
      /SCIM was switched off, and answered/,
    ],
    [
      'a refusal while SCIM is on',
      [
        created(),
        settings(2, 'switch off'),
        settings(4, 'switch on'),
        call(6, { on: 'person', does: 'read', id: 'p' }, { status: 403 }),
      ],
      rest(1),
      /SCIM was on, and said that it is off/,
    ],
    [
      'an answer that is a failure',
      [created(), call(2, { on: 'person', does: 'read', id: 'p' }, { status: 500 })],
      rest(1),
      /the answer was 500/,
    ],
    [
      'an event too many',
      [created()],
      rest(1, { events: [event(1, 'user-created'), event(2, 'user-updated')] }),
      /is version 1 and has 2 events/,
    ],
    [
      'an event that is of another kind than the change',
      [created()],
      rest(2, { events: [event(1, 'user-created'), event(2, 'user-deleted')] }),
      /leave a balance of 0, and the state is active/,
    ],
    [
      'an event of a membership that is there twice',
      [created()],
      rest(1, {
        members: [{ groupId: 7, userId: 1 }],
        events: [
          event(1, 'user-created'),
          event(2, 'group-user-added', { groupId: 7 }),
          event(3, 'group-user-added', { groupId: 7 }),
        ],
      }),
      /says group-user-added of 1 and 7 once more/,
    ],
    [
      'a membership without its event',
      [created()],
      rest(1, { members: [{ groupId: 7, userId: 1 }] }),
      /say another membership than there is/,
    ],
    [
      'a group whose version does not count a change',
      [created()],
      rest(1, {
        groups: [{ groupId: 7, id: 'g', version: 1 }],
        members: [{ groupId: 7, userId: 1 }],
        events: [event(1, 'user-created'), event(2, 'group-user-added', { groupId: 7 })],
      }),
      /group g is version 1, and its events say 2 at least/,
    ],
  ])('%s', (_name, calls, tables, what) => {
    expect(whatIsWrong(calls, tables).join('\n')).toMatch(what);
  });
});
