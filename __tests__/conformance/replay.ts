import { isObject, type Json, type Replay, type Step } from './replay-format.js';
import { type WireAnswer, WireClient, type WireRequest } from './replay-http.js';
import { mismatches } from './replay-matchers.js';
import { fileScope, type Scope, UnresolvedVariable } from './replay-variables.js';

export interface ReplayTarget {
  /** the address before `/Users` */
  readonly baseUrl: string;
  readonly token: string;
}

export interface ReplayFailure {
  readonly step: string;
  readonly reason: string;
}

const excerptLength = 300;
const noContent = 204;

const excerpt = (text: string): string => (text.length > excerptLength ? `${text.slice(0, excerptLength)}…` : text);

/** Later names win in any case of letters; `null` takes a header away. */
const mergedHeaders = (
  ...layers: readonly Readonly<Record<string, string | null>>[]
): Map<string, readonly [name: string, value: string | null]> => {
  const merged = new Map<string, readonly [string, string | null]>();
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) merged.set(name.toLowerCase(), [name, value]);
  }
  return merged;
};

const wireRequest = (step: Step, replay: Replay, target: ReplayTarget, scope: Scope): WireRequest => {
  const body =
    step.rawBody !== undefined
      ? scope.text(step.rawBody)
      : step.body !== undefined
        ? JSON.stringify(scope.resolve(step.body))
        : undefined;
  const own: Record<string, string | null> = { Authorization: `Bearer ${target.token}` };
  if (body !== undefined) own['Content-Type'] = 'application/scim+json';
  const headers: Record<string, string> = {};
  for (const [name, value] of mergedHeaders(own, replay.headers, step.headers).values()) {
    if (value !== null) headers[name] = scope.text(value);
  }
  return { method: step.method, path: scope.text(step.path), headers, body };
};

const parsed = (text: string): Json | undefined => {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
};

const statusReason = (step: Step, answer: WireAnswer): string =>
  `status ${step.expect.status.join(' or ')} expected, but it is ${answer.status}: ${excerpt(answer.text)}`;

const headerReasons = (expected: Step['expect']['headers'], answer: WireAnswer, scope: Scope): readonly string[] =>
  Object.entries(expected).flatMap(([name, value]) =>
    mismatches(scope.resolve(value), answer.headers[name.toLowerCase()], new Map(), `header ${name}`),
  );

/** The reasons why the answer is wrong. Captures go to `scope`. */
const judge = (step: Step, expectedBody: Json | undefined, answer: WireAnswer, scope: Scope): readonly string[] => {
  const captures = new Map<string, Json>();
  const body = parsed(answer.text);
  // 204 has no body to look at: a later step reads the resource.
  const checkBody = expectedBody !== undefined && answer.status !== noContent;
  const bodyReasons = !checkBody
    ? []
    : body === undefined
      ? [`body: JSON expected, but it is ${JSON.stringify(excerpt(answer.text))}`]
      : mismatches(expectedBody, body, captures);
  for (const [name, value] of captures) scope.set(name, value);
  if (!step.expect.status.includes(answer.status)) return [statusReason(step, answer)];
  return [...headerReasons(step.expect.headers, answer, scope), ...bodyReasons];
};

/** Plays one replay from top to bottom and tells what went wrong; a server that does all it needs gives `[]`. */
export const runReplay = async (replay: Replay, target: ReplayTarget): Promise<readonly ReplayFailure[]> => {
  const client = new WireClient(target.baseUrl);
  const scope = fileScope(replay.vars, target);
  const failures: ReplayFailure[] = [];

  /** @returns the body of the answer, for `collect` */
  const play = async (step: Step, local: Scope, title: string): Promise<Json | undefined> => {
    try {
      const expectedBody = step.expect.body === undefined ? undefined : local.resolve(step.expect.body);
      const answer = await client.send(wireRequest(step, replay, target, local));
      failures.push(...judge(step, expectedBody, answer, scope).map((reason) => ({ step: title, reason })));
      return parsed(answer.text);
    } catch (error) {
      // Clean-up of something that was never made has nothing to do.
      if (step.always && error instanceof UnresolvedVariable) return undefined;
      failures.push({ step: title, reason: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  };

  const playRepeated = async (step: Step, { times, variable, collect }: NonNullable<Step['repeat']>): Promise<void> => {
    const collected = Object.entries(collect).map(([name, field]) => ({ name, field, values: [] as Json[] }));
    const failuresBefore = failures.length;
    for (let i = 0; i < times; i++) {
      const body = await play(step, scope.with(variable, i), `${step.title} [${i}]`);
      for (const { field, values } of collected) {
        const value = isObject(body) ? body[field] : undefined;
        if (value !== undefined) values.push(value);
      }
      // The hundredth failure of one request says no more than the first; clean-up goes on for the others.
      if (!step.always && failures.length > failuresBefore) break;
    }
    for (const { name, values } of collected) scope.set(name, values);
  };

  try {
    for (const step of replay.steps) {
      if (step.repeat) await playRepeated(step, step.repeat);
      else await play(step, scope, step.title);
    }
  } finally {
    client.close();
  }
  return failures;
};
