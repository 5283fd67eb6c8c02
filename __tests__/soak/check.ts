import { checkAccess, checkUniqueness } from './check-access.js';
import { checkGroup } from './check-groups.js';
import { checkPerson } from './check-people.js';
import { checkRest } from './check-rest.js';
import { type Call, isDone, isUnknown, type Problem, problem, type Rest } from './history.js';

const idOf = ({ effect, answer }: Call): string | undefined => {
  if (effect.on === 'settings') return undefined;
  return effect.does === 'create' ? answer.id : effect.id;
};

/** Calls by the person or group that they name; only of those who were seen once at least. */
const byId = (calls: readonly Call[], on: 'person' | 'group'): ReadonlyMap<string, readonly Call[]> => {
  const found = new Map<string, Call[]>();
  for (const call of calls) {
    const id = call.effect.on === on ? idOf(call) : undefined;
    if (id === undefined) continue;
    const own = found.get(id);
    if (own === undefined) found.set(id, [call]);
    else own.push(call);
  }
  return new Map([...found].filter(([, own]) => own.some(isDone)));
};

/** Whoever was seen and not deleted is there at rest, and nobody else is. */
const checkPresence = (calls: readonly Call[], present: ReadonlySet<string>, buttons: readonly Call[]): readonly Problem[] => {
  const [first] = calls;
  const id = first && idOf(first);
  if (id === undefined || present.has(id)) return [];
  const mayBeGone =
    buttons.length > 0 || calls.some((call) => call.effect.does === 'delete' && (isDone(call) || call.status === undefined));
  return mayBeGone ? [] : [problem(`${id} is not there at rest, and nobody deleted it`, ...calls)];
};

/**
 * Holds the calls of a soak, and what the database has at rest, against what RFC 7644 and our guides promise. Whatever it finds
 * is wrong in any order in which the calls can have been done; of calls without an answer both is allowed, that they were done
 * and that they were not.
 */
export const check = (calls: readonly Call[], rest: Rest): readonly Problem[] => {
  const people = byId(calls, 'person');
  const groups = byId(calls, 'group');
  const buttonsOf = (what: 'people' | 'groups') =>
    calls.filter(({ effect, status }) => effect.does === `delete ${what}` && (status === undefined || status < 300));
  const buttons = { people: buttonsOf('people'), groups: buttonsOf('groups') };
  const creates = calls.filter((call) => isUnknown(call) && call.effect.on === 'person' && call.effect.does === 'create');
  const versions = new Map(rest.people.map(({ id, version }) => [id, version]));
  const living = new Set(rest.people.filter(({ state }) => state !== 'gone').map(({ id }) => id));
  const standing = new Set(rest.groups.map(({ id }) => id));
  return [
    ...[...people].flatMap(([id, own]) => [
      ...checkPerson(own, { buttons: buttons.people, creates }, versions.get(id)),
      ...checkPresence(own, living, buttons.people),
    ]),
    ...[...groups].flatMap(([id, own]) => [
      ...checkGroup({ id, calls: own, people, buttons }),
      ...checkPresence(own, standing, buttons.groups),
    ]),
    ...checkAccess(calls),
    ...checkUniqueness(calls, (id) => [...(people.get(id) ?? groups.get(id) ?? []), ...buttons.people, ...buttons.groups]),
    ...checkRest(rest),
  ];
};
