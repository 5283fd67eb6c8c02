import { type Problem, problem, type Rest, type RestEvent } from './history.js';

type Person = Rest['people'][number];

const grouped = <Key, Value>(
  values: readonly Value[],
  keyOf: (value: Value) => Key | undefined,
): ReadonlyMap<Key, readonly Value[]> => {
  const groups = new Map<Key, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), value]);
  }
  return groups;
};

const ON_PERSON: readonly string[] = ['user-created', 'user-updated', 'user-deleted'];

const count = (events: readonly RestEvent[], type: string): number => events.filter((event) => event.type === type).length;

/** One event for each version of a person, and a log that ends where the person is. */
const checkPersonEvents = (person: Person, events: readonly RestEvent[]): readonly Problem[] => {
  const problems: Problem[] = [];
  const { id, version, state } = person;
  if (events.length !== version) problems.push(problem(`${id} is version ${version} and has ${events.length} events`));
  const adopted = count(events, 'user-updated') > 0 && events.some((event) => event.adopted) ? 1 : 0;
  const balance = adopted + count(events, 'user-created') - count(events, 'user-deleted');
  const fitting = { active: [1], suspended: [0], gone: [0, -1] }[state];
  if (!fitting.includes(balance))
    problems.push(problem(`the events of ${id} leave a balance of ${balance}, and the state is ${state}`));
  return problems;
};

/**
 * Memberships begin and end in turn; only a suspension hides steps in between, for what happens meanwhile is not told.
 * A membership at rest has its event.
 */
const checkMembershipEvents = (
  steps: readonly RestEvent[],
  ends: readonly RestEvent[],
  now: { readonly isMember: boolean; readonly isComparable: boolean },
): readonly Problem[] => {
  const problems: Problem[] = [];
  const wasHidden = (after: number, before: number): boolean => ends.some(({ id }) => id > after && id < before);
  for (const [index, step] of steps.entries()) {
    const before = steps[index - 1];
    if (before?.type === step.type && !wasHidden(before.id, step.id)) {
      problems.push(problem(`event ${step.id} says ${step.type} of ${step.userId} and ${step.groupId} once more`));
    }
  }
  const [first, last] = [steps[0], steps.at(-1)];
  if (first?.type === 'group-user-removed' && !wasHidden(0, first.id))
    problems.push(problem(`event ${first.id} removes who never entered`));
  if (now.isComparable && !wasHidden(last?.id ?? 0, Number.POSITIVE_INFINITY)) {
    if ((last?.type === 'group-user-added') !== now.isMember) {
      problems.push(problem(`the events of ${steps[0]?.userId} in ${steps[0]?.groupId} say another membership than there is`));
    }
  }
  return problems;
};

/** Each transaction that changes members, or the name, moves the version of a group once; a change of parked members has no event. */
const checkGroupVersion = (group: Rest['groups'][number], events: readonly RestEvent[]): readonly Problem[] => {
  const members = events.filter(({ type }) => type.startsWith('group-user-'));
  const least = 1 + new Set(members.map(({ at }) => at)).size + count(events, 'group-updated');
  return group.version < least
    ? [problem(`group ${group.id} is version ${group.version}, and its events say ${least} at least`)]
    : [];
};

/** Events are changes, one for one, as far as the tables at rest tell. */
export const checkRest = ({ people, groups, members, events }: Rest): readonly Problem[] => {
  const problems: Problem[] = [];
  const ofPerson = grouped(
    events.filter(({ type }) => ON_PERSON.includes(type)),
    ({ userId }) => userId,
  );
  for (const person of people) {
    // What an admin does to a person moves the version too; a local user's beginnings do not.
    const own = ofPerson.get(person.userId) ?? [];
    const begun = own.findIndex((event) => event.byScim);
    problems.push(...checkPersonEvents(person, own.slice(Math.max(begun, 0))));
  }
  const present = new Set(members.map(({ groupId, userId }) => `${groupId} ${userId}`));
  const ofPair = grouped(
    events.filter(({ type }) => type.startsWith('group-user-')),
    ({ groupId, userId }) => `${groupId} ${userId}`,
  );
  const living = new Set(people.filter(({ state }) => state !== 'gone').map(({ userId }) => userId));
  const standing = new Set(groups.map(({ groupId }) => groupId));
  for (const pair of new Set([...ofPair.keys(), ...present])) {
    const [groupId = 0, userId = 0] = pair.split(' ').map(Number);
    const ends = (ofPerson.get(userId) ?? []).filter(({ type }) => type === 'user-deleted');
    const isComparable = living.has(userId) && standing.has(groupId);
    problems.push(...checkMembershipEvents(ofPair.get(pair) ?? [], ends, { isMember: present.has(pair), isComparable }));
  }
  const ofGroup = grouped(events, ({ groupId }) => groupId);
  for (const group of groups) problems.push(...checkGroupVersion(group, ofGroup.get(group.groupId) ?? []));
  return problems;
};
