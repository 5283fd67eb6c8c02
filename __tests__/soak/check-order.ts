import { type Call, isDone, mayBeDone, type Problem, problem } from './history.js';

/** A call that tells a version. */
export interface Sight {
  readonly version: number;
  readonly call: Call;
}

export const sightsIn = (calls: readonly Call[]): readonly Sight[] =>
  calls.flatMap((call) => (isDone(call) && call.answer.version !== undefined ? [{ version: call.answer.version, call }] : []));

/** For each call the sight of the highest version among those that had ended before it began. */
const newestBefore = (sights: readonly Sight[], calls: readonly Call[]): ReadonlyMap<Call, Sight> => {
  const ended = [...sights].sort((a, b) => a.call.end - b.call.end);
  const newest = new Map<Call, Sight>();
  let next = 0;
  let best: Sight | undefined;
  for (const call of [...calls].sort((a, b) => a.start - b.start)) {
    for (let sight = ended[next]; sight !== undefined && sight.call.end < call.start; sight = ended[next]) {
      if (best === undefined || sight.version > best.version) best = sight;
      next += 1;
    }
    if (best !== undefined) newest.set(call, best);
  }
  return newest;
};

/** Whoever comes later sees no older version, and no write is accepted that names a version which was over before it began. */
export const checkVersionsInTime = (calls: readonly Call[]): readonly Problem[] => {
  const sights = sightsIn(calls);
  const newest = newestBefore(sights, calls);
  const older = sights.flatMap(({ version, call }) => {
    const before = newest.get(call);
    return before !== undefined && before.version > version
      ? [problem(`version ${version} was seen after version ${before.version}: a change is lost`, before.call, call)]
      : [];
  });
  const ignored = calls.flatMap((call) => {
    const before = newest.get(call);
    return isDone(call) && call.ifMatch !== undefined && before !== undefined && before.version > call.ifMatch
      ? [problem(`If-Match named version ${call.ifMatch}, which was over: a precondition was ignored`, before.call, call)]
      : [];
  });
  return [...older, ...ignored];
};

/** What ends a resource: its deletion, or the button of the settings. */
export const endingsOf = (calls: readonly Call[], buttons: readonly Call[]): readonly Call[] => {
  const firstKnown = Math.min(...calls.filter(isDone).map(({ end }) => end));
  const firstPossible = Math.min(...calls.map(({ start }) => start));
  return [
    ...calls.filter((call) => call.effect.does === 'delete' && mayBeDone(call)),
    // The button may miss who comes in the same moment.
    ...buttons
      .filter((button) => mayBeDone(button) && button.end > firstPossible)
      .map((button) => (button.start > firstKnown ? button : { ...button, status: undefined })),
  ];
};

/** Who is deleted stays away, and nobody else is said to be missing. */
export const checkEndings = (calls: readonly Call[], endings: readonly Call[]): readonly Problem[] => {
  const [certain] = endings.filter(isDone).sort((a, b) => a.end - b.end);
  const firstPossible = Math.min(...endings.map(({ start }) => start));
  const deletions = calls.filter((call) => call.effect.does === 'delete' && isDone(call));
  const twice = deletions.length > 1 ? [problem('one and the same was deleted twice', ...deletions)] : [];
  const misplaced = calls.flatMap((call) => {
    if (certain !== undefined && isDone(call) && call.start > certain.end) {
      return [problem('somebody or something is there after its deletion', certain, call)];
    }
    return call.status === 404 && call.end < firstPossible ? [problem('404 for what nobody has deleted', call)] : [];
  });
  return [...twice, ...misplaced];
};
