import { addMembers, patchBody, removeMember } from '../support/provisioning.js';
import type { Script } from './contest.js';
import { type Exercise, few, inTurn } from './exercise.js';
import type { HttpRequest } from './http-connection.js';
import { createGroup, externalIdOfGroup, type Group, type Subject } from './subject.js';

const AS_FLOOR = { speed: 0.8 };
/** People outside of a group who come and go. */
const GUESTS = 20;
const SMALL_GROUPS = 100;
const MEMBERS_OF_SMALL = 5;
/** How many of a large group change in a replace. */
const CHANGED = 10;
/** Members that a client sends in one PATCH. */
export const MEMBERS_AT_ONCE = 1_000;

export const idsOf = (subject: Subject, from: number, to: number): readonly string[] =>
  subject.people.slice(from, to).map(({ id }) => id);

const patch = (group: string, body: object): HttpRequest => ({
  method: 'PATCH',
  path: `/Groups/${group}`,
  body: JSON.stringify(body),
});

export const addMembersTo = (group: string, ids: readonly string[]): HttpRequest => patch(group, addMembers(...ids));

const removeAll = (ids: readonly string[]): object =>
  patchBody({ op: 'remove', path: 'members', value: ids.map((value) => ({ value })) });

const replaceAll = (ids: readonly string[]): object =>
  patchBody({ op: 'replace', path: 'members', value: ids.map((value) => ({ value })) });

/** Makes the group that stands for a size, of the first people, as many as there are; a thousand in each PATCH, as a client does. */
export const fillGroup = async (subject: Subject, size: number): Promise<void> => {
  const count = Math.min(size, subject.people.length);
  const group = await subject.createGroup();
  const { id } = group;
  for (let from = 0; from < count; from += MEMBERS_AT_ONCE) {
    await subject.expect(204, addMembersTo(id, idsOf(subject, from, Math.min(count, from + MEMBERS_AT_ONCE))));
  }
  subject.groups.set(size, group);
};

/** A hundred groups of five people, so that lists of groups have a page. */
export const createSmallGroups = async (subject: Subject): Promise<void> => {
  for (let group = 0; group < SMALL_GROUPS; group += 1) {
    const from = (group * MEMBERS_OF_SMALL) % (subject.people.length - MEMBERS_OF_SMALL);
    subject.smallGroups.push(await subject.createGroup(idsOf(subject, from, from + MEMBERS_OF_SMALL)));
  }
};

const groupOf = (subject: Subject, size: number): string => {
  const group = subject.groups.get(size);
  if (group === undefined) throw new Error(`${subject.name} has no group of ${size}`);
  return group.id;
};

const guestsOf = (subject: Subject, size: number): readonly string[] => {
  const guests = idsOf(subject, size, size + GUESTS);
  if (guests.length < GUESTS) throw new Error(`${subject.name} has too few people outside of the group of ${size}`);
  return guests;
};

export const addOne =
  (size: number) =>
  (subject: Subject): Script => {
    const group = groupOf(subject, size);
    const guests = guestsOf(subject, size);
    let turn = 0;
    return {
      status: 204,
      next: () => {
        const guest = guests[turn % guests.length] ?? '';
        turn += 1;
        return patch(group, addMembers(guest));
      },
      after: async () => {
        turn = 0;
        await subject.expect(204, patch(group, removeAll(guests)));
      },
    };
  };

export const removeOne =
  (size: number) =>
  (subject: Subject): Script => {
    const group = groupOf(subject, size);
    const guests = guestsOf(subject, size);
    let turn = 0;
    return {
      status: 204,
      before: async () => {
        turn = 0;
        await subject.expect(204, patch(group, addMembers(...guests)));
      },
      next: () => {
        const guest = guests[turn % guests.length] ?? '';
        turn += 1;
        return patch(group, removeMember(guest));
      },
    };
  };

const addMany =
  (count: number) =>
  (subject: Subject): Script => {
    const body = JSON.stringify(addMembers(...idsOf(subject, 0, count)));
    let group = '';
    return {
      status: 204,
      before: async () => {
        ({ id: group } = await subject.createGroup());
      },
      next: () => ({ method: 'PATCH', path: `/Groups/${group}`, body }),
      after: async () => {
        await subject.expect(204, { method: 'DELETE', path: `/Groups/${group}` });
      },
    };
  };

/** There and back: two requests leave the group as it was. */
const replaceFew =
  (size: number) =>
  (subject: Subject): Script => {
    const group = groupOf(subject, size);
    const bodies = [CHANGED, 0].map((from) => JSON.stringify(replaceAll(idsOf(subject, from, size + from))));
    let turn = 0;
    const next = (): HttpRequest => {
      const body = bodies[turn % 2] ?? '';
      turn += 1;
      return { method: 'PATCH', path: `/Groups/${group}`, body };
    };
    return {
      status: 204,
      next,
      after: async () => {
        if (turn % 2 === 1) await subject.expect(204, next());
      },
    };
  };

const readGroup =
  (size: number) =>
  (subject: Subject): Script => ({ status: 200, next: () => ({ method: 'GET', path: `/Groups/${groupOf(subject, size)}` }) });

export const createGroups = (subject: Subject): Script => ({
  status: 201,
  next: () => createGroup(subject.nextGroupName()),
});

export const groupCreateExercises = (): readonly Exercise[] => [
  { name: 'create a group', plan: inTurn(1, 30), script: createGroups, goals: { speed: 0.8, cpu: 1.3 } },
  { name: 'create a group, 10 at once', plan: inTurn(10, 100), script: createGroups, goals: { speed: 0.8, cpu: 1.3 } },
];

const members = (count: number): string => count.toLocaleString('en');

/** One member more and one less in groups of these sizes, held against the smallest of them. */
export const memberExercises = (sizes: readonly number[], scim: Subject): readonly Exercise[] => {
  const [smallest = 0] = sizes;
  return sizes.flatMap((size) =>
    [['add one member to', addOne] as const, ['remove one member from', removeOne] as const].map(([what, script]) => ({
      name: `${what} ${members(size)}`,
      plan: { ...few(GUESTS, GUESTS), budgetMs: 4_000 },
      script: script(size),
      hasLeast: size === smallest,
      ...(size === smallest
        ? { goals: AS_FLOOR }
        : {
            reference: { name: `${what} ${members(smallest)}`, subject: scim, script: script(smallest) },
            goals: { ...AS_FLOOR, flat: 1.2 },
          }),
    })),
  );
};

export const largeGroupExercises = (sizes: readonly number[]): readonly Exercise[] =>
  sizes.flatMap((size) => [
    ...(size >= MEMBERS_AT_ONCE
      ? [
          {
            name: `add ${members(size)} members in one PATCH`,
            plan: few(1, 0),
            script: addMany(size),
            goals: AS_FLOOR,
            hasLeast: size === MEMBERS_AT_ONCE,
          },
          {
            name: `replace ${members(size)} members of whom ${CHANGED} change`,
            plan: few(2, 0),
            script: replaceFew(size),
            goals: AS_FLOOR,
          },
        ]
      : []),
    { name: `get a group of ${members(size)}`, plan: few(4, 1), script: readGroup(size), goals: AS_FLOOR },
  ]);

const GROUP_LOOKUPS = {
  displayName: ({ name }: Group) => name,
  externalId: ({ name }: Group) => externalIdOfGroup(name),
} as const;
export type GroupLookup = keyof typeof GROUP_LOOKUPS;
export const GROUP_LOOKUP_ATTRIBUTES = Object.keys(GROUP_LOOKUPS) as readonly GroupLookup[];

export const lookUpGroups =
  (attribute: GroupLookup) =>
  (subject: Subject): Script => {
    let turn = 0;
    return {
      status: 200,
      next: () => {
        const group = subject.smallGroups[turn % subject.smallGroups.length];
        turn += 1;
        const filter = group === undefined ? '' : `${attribute} eq "${GROUP_LOOKUPS[attribute](group)}"`;
        return { method: 'GET', path: `/Groups?filter=${encodeURIComponent(filter)}` };
      },
    };
  };
