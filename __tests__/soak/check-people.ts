import { checkEndings, checkVersionsInTime, endingsOf, sightsIn } from './check-order.js';
import { type Call, isDone, isUnknown, type PersonState, type Problem, problem } from './history.js';

interface Write {
  readonly attributes: Partial<PersonState>;
  readonly active: boolean | undefined;
}

const writeOf = ({ effect }: Call): Write | undefined => {
  if (effect.on !== 'person') return undefined;
  if (effect.does === 'write') return effect;
  return effect.does === 'create' ? { attributes: effect.statement, active: effect.active } : undefined;
};

const keyOf = ({ userName, email, displayName, title, externalId, active }: PersonState): string =>
  JSON.stringify([userName, email, displayName, title, externalId, active]);

const applied = (state: PersonState, { attributes, active }: Write): PersonState => ({
  ...state,
  ...attributes,
  active: active ?? state.active,
});

const withAttributes = (state: PersonState, write: Write): PersonState => applied(state, { ...write, active: undefined });

/** Versions that a write moves: one for what is stated, one for a suspension or resumption. */
const stepsOf = (state: PersonState, write: Write): number => {
  const stated = withAttributes(state, write);
  return (keyOf(stated) === keyOf(state) ? 0 : 1) + (write.active === undefined || write.active === state.active ? 0 : 1);
};

/** Whether a write takes one state to the next version's. */
const leads = (write: Write, from: PersonState, to: PersonState): boolean => {
  const steps = stepsOf(from, write);
  return (
    (steps === 1 && keyOf(applied(from, write)) === keyOf(to)) ||
    (steps === 2 && keyOf(withAttributes(from, write)) === keyOf(to))
  );
};

/** The one state of each version, and who says so. */
const statesOf = (
  calls: readonly Call[],
): { readonly states: ReadonlyMap<number, Call>; readonly problems: readonly Problem[] } => {
  const states = new Map<number, Call>();
  const problems: Problem[] = [];
  for (const { version, call } of sightsIn(calls)) {
    const { person } = call.answer;
    if (person === undefined) continue;
    const before = states.get(version);
    if (before?.answer.person === undefined) states.set(version, call);
    else if (keyOf(before.answer.person) !== keyOf(person)) {
      problems.push(problem(`version ${version} was seen with two contents: a change is lost or half-done`, before, call));
    }
  }
  return { states, problems };
};

const checkEffects = (calls: readonly Call[]): readonly Problem[] =>
  calls.flatMap((call) => {
    const write = writeOf(call);
    const { person } = call.answer;
    return write !== undefined && person !== undefined && isDone(call) && keyOf(applied(person, write)) !== keyOf(person)
      ? [problem('the answer to a write does not show what was written', call)]
      : [];
  });

/** Each version follows from the one before by a write that somebody sent: none is made of an older state. */
const checkSteps = (calls: readonly Call[], states: ReadonlyMap<number, Call>): readonly Problem[] =>
  [...states].flatMap(([version, call]) => {
    const to = call.answer.person;
    const from = states.get(version - 1)?.answer.person;
    if (from === undefined || to === undefined) return [];
    const isExplained = calls.some((candidate) => {
      const write = writeOf(candidate);
      if (write === undefined || candidate.effect.does === 'create') return false;
      const isCandidate =
        isUnknown(candidate) ||
        (isDone(candidate) && (candidate.answer.version === version || candidate.answer.version === version + 1));
      return isCandidate && leads(write, from, to);
    });
    return isExplained
      ? []
      : [problem(`nothing that was sent leads to version ${version}: a change is lost`, states.get(version - 1), call)];
  });

const checkPreconditions = (calls: readonly Call[], states: ReadonlyMap<number, Call>): readonly Problem[] =>
  calls.flatMap((call) => {
    const write = writeOf(call);
    const { version } = call.answer;
    if (write === undefined || !isDone(call) || call.ifMatch === undefined || version === undefined) return [];
    const from = states.get(call.ifMatch)?.answer.person;
    const fits =
      from === undefined
        ? version >= call.ifMatch && version <= call.ifMatch + 2
        : version === call.ifMatch + stepsOf(from, write);
    return fits ? [] : [problem(`If-Match named version ${call.ifMatch}, and the write made version ${version}`, call)];
  });

/**
 * The versions that one of the creates without an answer, which know no id, can have made, as far as what was seen of them fits: the
 * first, and of somebody inactive the second with it.
 */
const versionsMadeBy = (creates: readonly Call[], states: ReadonlyMap<number, Call>): readonly number[] => {
  const isMade = (version: number, write: Write): boolean => {
    const seen = states.get(version)?.answer.person;
    return seen === undefined || keyOf(applied(seen, write)) === keyOf(seen);
  };
  return creates.flatMap((call) => {
    const write = writeOf(call);
    if (write === undefined) return [];
    const versions = write.active === false ? [1, 2] : [1];
    return versions.every((version) => isMade(version, write)) ? versions : [];
  });
};

/** No version without a cause: those that no answer accounts for are as many as the calls without one at most. */
const checkCount = (
  calls: readonly Call[],
  { endings, made }: { readonly endings: readonly Call[]; readonly made: readonly number[] },
  last: number | undefined,
): readonly Problem[] => {
  const first = Math.min(...sightsIn(calls).map(({ version }) => version));
  if (last === undefined || !Number.isFinite(first)) return [];
  const accounted = new Set<number>(made);
  for (const { version, call } of sightsIn(calls)) {
    const write = writeOf(call);
    if (write === undefined) continue;
    accounted.add(version);
    if (write.active !== undefined && Object.keys(write.attributes).length > 0) accounted.add(version - 1);
  }
  let unaccounted = 0;
  for (let version = first; version <= last; version += 1) if (!accounted.has(version)) unaccounted += 1;
  const allowed = 2 * calls.filter((call) => isUnknown(call) && writeOf(call) !== undefined).length + endings.length;
  const tooMany = unaccounted > allowed;
  const tooOld = Math.max(...sightsIn(calls).map(({ version }) => version)) > last;
  return [
    ...(tooMany
      ? [problem(`${unaccounted} of the versions up to ${last} have no cause; ${allowed} may have none`, ...calls)]
      : []),
    ...(tooOld ? [problem(`at rest it is version ${last}: a change is lost`, ...calls)] : []),
  ];
};

/**
 * What happened to one person, by all calls that name their id.
 *
 * @param others.buttons - the calls that delete everybody.
 * @param others.creates - the creates of people that have no answer, and so no id.
 * @param last - the version at rest; undefined where there is no row.
 */
export const checkPerson = (
  calls: readonly Call[],
  { buttons, creates }: { readonly buttons: readonly Call[]; readonly creates: readonly Call[] },
  last: number | undefined,
): readonly Problem[] => {
  const { states, problems } = statesOf(calls);
  const endings = endingsOf(calls, buttons);
  return [
    ...problems,
    ...checkEffects(calls),
    ...checkVersionsInTime(calls),
    ...checkSteps(calls, states),
    ...checkPreconditions(calls, states),
    ...checkEndings(calls, endings),
    ...checkCount(calls, { endings, made: versionsMadeBy(creates, states) }, last),
  ];
};
