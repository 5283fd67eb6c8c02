import type { Call, Effect, PersonState, Rest, RestEvent } from '../soak/history.js';

// Histories as a soak records them, made up.

const ADA: PersonState = {
  userName: 'ada@example.com',
  email: 'ada@example.com',
  displayName: 'Ada',
  title: null,
  externalId: null,
  active: true,
};

/** A call from one second to the next; `lasting` seconds where it is longer. */
export const call = (start: number, effect: Effect, more: Partial<Call> = {}, lasting = 1): Call => ({
  client: 0,
  replica: 0,
  effect,
  token: 0,
  start,
  end: more.status === undefined && 'status' in more ? Number.POSITIVE_INFINITY : start + lasting,
  status: 200,
  answer: {},
  ...more,
});

const { active: _active, ...stated } = ADA;
export const STATEMENT = stated;
export const created = (id = 'p', start = 0): Call =>
  call(
    start,
    { on: 'person', does: 'create', statement: STATEMENT, active: true },
    { status: 201, answer: { id, version: 1, person: ADA, groups: [] } },
  );

export const patched = (
  start: number,
  attributes: Partial<PersonState>,
  version: number,
  state: Partial<PersonState>,
  more: Partial<Call> = {},
): Call =>
  call(
    start,
    { on: 'person', does: 'write', id: 'p', attributes, active: undefined },
    { answer: { id: 'p', version, person: { ...ADA, ...state }, groups: [] }, ...more },
  );

export const read = (start: number, version: number, state: Partial<PersonState>, groups: readonly string[] = []): Call =>
  call(start, { on: 'person', does: 'read', id: 'p' }, { answer: { id: 'p', version, person: { ...ADA, ...state }, groups } });

export const group = (start: number, members: readonly string[]): Call =>
  call(
    start,
    { on: 'group', does: 'create', displayName: 'G', members },
    { status: 201, answer: { id: 'g', version: 1, group: { displayName: 'G', members } } },
  );

export const readGroup = (start: number, version: number, members: readonly string[]): Call =>
  call(start, { on: 'group', does: 'read', id: 'g' }, { answer: { id: 'g', version, group: { displayName: 'G', members } } });

export const membership = (
  start: number,
  add: readonly string[],
  remove: readonly string[],
  more: Partial<Call> = {},
  lasting = 1,
): Call =>
  call(
    start,
    { on: 'group', does: 'write', id: 'g', displayName: undefined, add, remove, exact: false },
    { status: 204, ...more },
    lasting,
  );

export const settings = (start: number, does: Extract<Effect, { on: 'settings' }>['does'], token = 0): Call =>
  call(start, { on: 'settings', does }, { token });

export const event = (id: number, type: string, more: Partial<RestEvent> = {}): RestEvent => ({
  id,
  type,
  byScim: true,
  adopted: false,
  userId: 1,
  groupId: undefined,
  at: String(id),
  ...more,
});

/** The tables after these changes of the one person, and of the one group. */
export const rest = (version: number, more: Partial<Rest> = {}): Rest => ({
  people: [{ userId: 1, id: 'p', state: 'active', version }],
  groups: [{ groupId: 7, id: 'g', version: 9 }],
  members: [],
  events: [event(1, 'user-created'), ...Array.from({ length: version - 1 }, (_none, place) => event(place + 2, 'user-updated'))],
  ...more,
});
