import type request from 'supertest';
import type { ScimClient } from './clients.js';
import { addMembers, groupBody, patchBody, removeMember, setActive, userBody } from './provisioning.js';

/** Numbers below `limit` that are the same for the same seed (mulberry32). */
export const randomFrom = (seed: number): ((limit: number) => number) => {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
};

type Random = (limit: number) => number;

export interface Arena {
  /** SCIM ids; those that are deleted are replaced by the ones that come after them. */
  readonly people: string[];
  readonly groups: string[];
}

interface Turn {
  readonly scim: ScimClient;
  readonly arena: Arena;
  readonly random: Random;
}

/** All clients move the same few of each, so that most meet somebody. */
export const PEOPLE = 8;
export const GROUPS = 4;
const NAMES = PEOPLE + 2;

export const personName = (place: number): string => `arena-${place}@example.com`;
export const groupName = (place: number): string => `Arena ${place}`;

const some = <T>(all: readonly T[], random: Random): readonly T[] => {
  const left = [...all];
  return Array.from({ length: 1 + random(all.length) }, () => left.splice(random(left.length), 1)).flat();
};

const replaced = async (ids: string[], place: number, sent: PromiseLike<request.Response>): Promise<request.Response> => {
  const answer = await sent;
  if (answer.status === 201) ids[place] = answer.body.id;
  return answer;
};

type Move = (turn: Turn) => PromiseLike<request.Response>;

const one = (ids: readonly string[], random: Random): string => ids[random(ids.length)] ?? '';

/** Each touches several rows, in an order of its own. */
export const MOVES: Readonly<Record<string, Move>> = {
  addMembers: ({ scim, arena, random }) =>
    scim.patch(`/Groups/${one(arena.groups, random)}`, addMembers(...some(arena.people, random))),
  addMember: ({ scim, arena, random }) =>
    scim.patch(`/Groups/${one(arena.groups, random)}`, addMembers(one(arena.people, random))),
  removeMember: ({ scim, arena, random }) =>
    scim.patch(`/Groups/${one(arena.groups, random)}`, removeMember(one(arena.people, random))),
  removeMembers: ({ scim, arena, random }) =>
    scim.patch(
      `/Groups/${one(arena.groups, random)}`,
      patchBody(...some(arena.people, random).map((id) => ({ op: 'remove' as const, path: `members[value eq "${id}"]` }))),
    ),
  replaceMembers: ({ scim, arena, random }) =>
    scim.patch(
      `/Groups/${one(arena.groups, random)}`,
      patchBody({ op: 'replace', path: 'members', value: some(arena.people, random).map((value) => ({ value })) }),
    ),
  replaceGroup: ({ scim, arena, random }) =>
    scim.put(`/Groups/${one(arena.groups, random)}`, groupBody(groupName(random(GROUPS + 1)), some(arena.people, random))),
  renameGroup: ({ scim, arena, random }) =>
    scim.patch(
      `/Groups/${one(arena.groups, random)}`,
      patchBody({ op: 'replace', path: 'displayName', value: groupName(random(GROUPS + 1)).toUpperCase() }),
    ),
  identifyGroup: ({ scim, arena, random }) =>
    scim.patch(
      `/Groups/${one(arena.groups, random)}`,
      patchBody({ op: 'replace', path: 'externalId', value: String(random(GROUPS + 1)) }),
    ),
  createGroup: ({ scim, arena, random }) => {
    const place = random(GROUPS);
    const body = groupBody(groupName(random(GROUPS + 1)), some(arena.people, random));
    return replaced(arena.groups, place, scim.post('/Groups', body));
  },
  deleteGroup: async ({ scim, arena, random }) => {
    const place = random(GROUPS);
    const answer = await scim.delete(`/Groups/${arena.groups[place]}`);
    return answer.status === 204 ? replaced(arena.groups, place, scim.post('/Groups', groupBody(groupName(place)))) : answer;
  },
  suspend: ({ scim, arena, random }) => scim.patch(`/Users/${one(arena.people, random)}`, setActive(false)),
  resume: ({ scim, arena, random }) => scim.patch(`/Users/${one(arena.people, random)}`, setActive(true)),
  renamePerson: ({ scim, arena, random }) =>
    scim.put(`/Users/${one(arena.people, random)}`, userBody(personName(random(NAMES)), { active: random(4) > 0 })),
  changePerson: ({ scim, arena, random }) =>
    scim.patch(`/Users/${one(arena.people, random)}`, patchBody({ op: 'replace', path: 'title', value: String(random(1_000)) })),
  createPerson: ({ scim, arena, random }) => {
    const body = userBody(personName(random(NAMES)), { active: random(4) > 0 });
    return replaced(arena.people, random(PEOPLE), scim.post('/Users', body));
  },
  deletePerson: async ({ scim, arena, random }) => {
    const place = random(PEOPLE);
    const answer = await scim.delete(`/Users/${arena.people[place]}`);
    return answer.status === 204 ? replaced(arena.people, place, scim.post('/Users', userBody(personName(place)))) : answer;
  },
};
