import { type Call, isDone, mayBeDone, type Problem, problem } from './history.js';

/** A wrong token; and too many of them. */
const REFUSED: readonly number[] = [401, 429];

type Settings = Extract<Call['effect'], { on: 'settings' }>['does'];

const settingsCalls = (calls: readonly Call[], does: Settings): readonly Call[] =>
  calls.filter(({ effect }) => effect.on === 'settings' && effect.does === does);

/** A token ends when the next one is made: a call that begins later is refused on every replica, and none before. */
const checkToken = (call: Call, rotations: readonly Call[]): readonly Problem[] => {
  const later = rotations.filter((rotation) => !isDone(rotation) || rotation.token > call.token);
  const ended = later.find((rotation) => isDone(rotation) && rotation.end < call.start);
  if (ended !== undefined && call.status !== undefined && !REFUSED.includes(call.status) && call.status !== 503) {
    return [problem(`a token that had been replaced was answered ${call.status}`, ended, call)];
  }
  const made = rotations.find((rotation) => isDone(rotation) && rotation.token === call.token);
  const mayHaveEnded = later.some((rotation) => rotation.start < call.end && (made === undefined || rotation.start > made.start));
  return call.status !== undefined && REFUSED.includes(call.status) && !mayHaveEnded
    ? [problem('a token was refused that was good', made, call)]
    : [];
};

/** While SCIM is off it is 403, and only then. */
const checkSwitch = (call: Call, offs: readonly Call[], ons: readonly Call[]): readonly Problem[] => {
  const off = offs.filter((candidate) => isDone(candidate) && candidate.end < call.start).at(-1);
  if (off !== undefined && !ons.some((on) => on.start > off.start && on.start < call.end) && isDone(call)) {
    return [problem('SCIM was switched off, and answered', off, call)];
  }
  const mayBeOff = offs.some(
    (candidate) =>
      mayBeDone(candidate) &&
      candidate.start < call.end &&
      !ons.some((on) => isDone(on) && on.start > candidate.end && on.end < call.start),
  );
  return call.status === 403 && !mayBeOff ? [problem('SCIM was on, and said that it is off', call)] : [];
};

/** Who was let in, and what failed. */
export const checkAccess = (calls: readonly Call[]): readonly Problem[] => {
  const rotations = settingsCalls(calls, 'token').filter(mayBeDone);
  const offs = settingsCalls(calls, 'switch off');
  const ons = settingsCalls(calls, 'switch on');
  return calls.flatMap((call) => {
    if (call.effect.on === 'settings') return [];
    const { status } = call;
    const isFailure = status !== undefined && status >= 500 && !(status === 503 && call.retryAfter);
    return [
      ...(isFailure ? [problem(`the answer was ${status}`, call)] : []),
      ...checkToken(call, rotations),
      ...checkSwitch(call, offs, ons),
    ];
  });
};

const nameOf = ({ effect }: Call): string | undefined => {
  if (effect.does !== 'create') return undefined;
  return effect.on === 'person'
    ? `person ${effect.statement.userName.toLowerCase()}`
    : `group ${effect.displayName.toLowerCase()}`;
};

/**
 * Of two who were created with one name, in any case, one was deleted or renamed before the other could come. Where their creates
 * overlap, as a long bulk request does with what comes meanwhile, either may have been the first.
 *
 * @param callsOf - the calls that name an id, and the buttons that delete all.
 */
export const checkUniqueness = (calls: readonly Call[], callsOf: (id: string) => readonly Call[]): readonly Problem[] => {
  const created = new Map<string, Call[]>();
  for (const call of calls) {
    const name = nameOf(call);
    if (name !== undefined && isDone(call)) created.set(name, [...(created.get(name) ?? []), call]);
  }
  const gaveWay = (first: Call, second: Call): boolean =>
    first.start < second.end &&
    callsOf(first.answer.id ?? '').some(
      (call) => mayBeDone(call) && call.start < second.end && call.effect.does !== 'read' && call.effect.does !== 'create',
    );
  return [...created.values()].flatMap((all) =>
    all.flatMap((second, index) =>
      all
        .slice(0, index)
        .filter((first) => !gaveWay(first, second) && !gaveWay(second, first))
        .map((first) => problem('two have one name', first, second)),
    ),
  );
};
