import { checkEndings, checkVersionsInTime, endingsOf, sightsIn } from './check-order.js';
import { type Call, isDone, mayBeDone, type Problem, problem } from './history.js';

/** Says of one membership that it begins (true) or ends (false). */
interface Statement {
  readonly value: boolean;
  readonly start: number;
  readonly end: number;
  readonly isCertain: boolean;
  readonly call: Call | undefined;
}

/** What a call says of a person's membership in the group that it names; undefined: nothing. */
const statedBy = ({ effect, answer }: Call, groupId: string, personId: string): boolean | undefined => {
  if (effect.on !== 'group') return undefined;
  switch (effect.does) {
    case 'create':
      return answer.id === groupId ? effect.members.includes(personId) : undefined;
    case 'write':
      if (effect.add.includes(personId)) return true;
      return effect.exact || effect.remove.includes(personId) ? false : undefined;
    case 'delete':
      return false;
    case 'read':
      return undefined;
  }
};

/**
 * A read of a membership is right where some statement of that value can be the last one before it: no other statement that was
 * surely made lies wholly between the two.
 */
const isPossible = (
  statements: readonly Statement[],
  read: { readonly value: boolean; readonly start: number; readonly end: number },
) => {
  const overruled = Math.max(
    Number.NEGATIVE_INFINITY,
    ...statements
      .filter(({ value, end, isCertain }) => isCertain && value !== read.value && end < read.start)
      .map(({ start }) => start),
  );
  return statements.some(({ value, start, end }) => value === read.value && start < read.end && end >= overruled);
};

/** Calls that show who is in a group, from the group's side or from the person's. */
const shownBy = (call: Call, groupId: string, personId: string): boolean | undefined => {
  if (!isDone(call)) return undefined;
  const { id, group, groups } = call.answer;
  if (id === groupId) return group?.members.includes(personId);
  return id === personId ? groups?.includes(groupId) : undefined;
};

export interface GroupHistory {
  readonly id: string;
  readonly calls: readonly Call[];
  /** By the ids of people: all calls that name them. */
  readonly people: ReadonlyMap<string, readonly Call[]>;
  readonly buttons: { readonly people: readonly Call[]; readonly groups: readonly Call[] };
}

const checkMembership = (
  { id, calls, buttons }: GroupHistory,
  person: string,
  personCalls: readonly Call[],
): readonly Problem[] => {
  const statements: Statement[] = [
    { value: false, start: Number.NEGATIVE_INFINITY, end: Number.NEGATIVE_INFINITY, isCertain: true, call: undefined },
  ];
  for (const call of calls) {
    const value = mayBeDone(call) ? statedBy(call, id, person) : undefined;
    if (value !== undefined) statements.push({ value, start: call.start, end: call.end, isCertain: isDone(call), call });
  }
  const endings = [...endingsOf(personCalls, buttons.people), ...endingsOf(calls, buttons.groups)];
  for (const call of endings) {
    statements.push({ value: false, start: call.start, end: call.end, isCertain: isDone(call), call });
  }
  return [...calls, ...personCalls].flatMap((call) => {
    const value = shownBy(call, id, person);
    if (value === undefined || isPossible(statements, { value, start: call.start, end: call.end })) return [];
    const what = value
      ? `${person} is shown in the group ${id}, and had left`
      : `${person} is not shown in the group ${id}, and had entered`;
    return [problem(`${what}: a change is lost`, ...statements.map((statement) => statement.call), call)];
  });
};

/** The one content of each version. A PUT that changes nothing may show members who came while it was answered. */
const checkContents = (calls: readonly Call[]): readonly Problem[] => {
  const contents = new Map<number, Call>();
  return sightsIn(calls).flatMap(({ version, call }) => {
    if (call.effect.does !== 'read' || call.answer.group === undefined) return [];
    const before = contents.get(version);
    contents.set(version, before ?? call);
    return before !== undefined && JSON.stringify(before.answer.group) !== JSON.stringify(call.answer.group)
      ? [problem(`version ${version} was seen with two contents: a change is lost or half-done`, before, call)]
      : [];
  });
};

const checkName = (calls: readonly Call[]): readonly Problem[] =>
  calls.flatMap((call) => {
    const { effect, answer } = call;
    const stated =
      effect.on === 'group' && (effect.does === 'create' || effect.does === 'write') ? effect.displayName : undefined;
    return isDone(call) && stated !== undefined && answer.group !== undefined && answer.group.displayName !== stated
      ? [problem('the answer to a write does not show the name that was written', call)]
      : [];
  });

/** Of two changes that name one version, and change it, one is too late. */
const checkPreconditions = (calls: readonly Call[]): readonly Problem[] => {
  const seen = new Map<number, Call>();
  for (const { version, call } of sightsIn(calls)) if (call.effect.does === 'read') seen.set(version, call);
  const accepted = new Map<number, Call>();
  return calls.flatMap((call) => {
    const { effect, ifMatch } = call;
    if (ifMatch === undefined || !isDone(call) || effect.on !== 'group' || effect.does !== 'write') return [];
    const members = seen.get(ifMatch)?.answer.group?.members;
    if (members === undefined) return [];
    const isChange =
      effect.add.some((person) => !members.includes(person)) ||
      effect.remove.some((person) => members.includes(person)) ||
      (effect.exact && members.some((person) => !effect.add.includes(person)));
    if (!isChange) return [];
    const before = accepted.get(ifMatch);
    accepted.set(ifMatch, call);
    return before === undefined
      ? []
      : [problem(`two changes were made to version ${ifMatch}: If-Match was ignored`, before, call)];
  });
};

const peopleIn = (calls: readonly Call[]): ReadonlySet<string> =>
  new Set(
    calls.flatMap(({ effect, answer }) => [
      ...(answer.group?.members ?? []),
      ...(effect.on === 'group' && effect.does === 'create' ? effect.members : []),
      ...(effect.on === 'group' && effect.does === 'write' ? [...effect.add, ...effect.remove] : []),
    ]),
  );

/** What happened to one group, by all calls that name its id, and to who was meant to be in it. */
export const checkGroup = (history: GroupHistory): readonly Problem[] => {
  const { id, calls, people, buttons } = history;
  const shown = [...people].filter(([, personCalls]) => personCalls.some(({ answer }) => answer.groups?.includes(id)));
  const members = new Set([...peopleIn(calls), ...shown.map(([person]) => person)]);
  // Without the creation nobody knows who was in it at first.
  const isWhole = calls.some((call) => call.effect.does === 'create' && isDone(call));
  return [
    ...(isWhole ? [...members].flatMap((person) => checkMembership(history, person, people.get(person) ?? [])) : []),
    ...checkContents(calls),
    ...checkName(calls),
    ...checkVersionsInTime(calls),
    ...checkPreconditions(calls),
    ...checkEndings(calls, endingsOf(calls, buttons.groups)),
  ];
};
