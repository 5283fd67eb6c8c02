import type { Answer, Effect, GroupState, PersonState } from './history.js';
import type { HttpAnswer } from './http.js';

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const idsOf = (value: unknown): readonly string[] => listOf(value).map((element) => String(objectOf(element).value));

/** The number in `W/"7"`. */
export const versionIn = (tag: unknown): number | undefined => {
  const number = /^(?:W\/)?"(\d+)"$/.exec(String(tag))?.[1];
  return number === undefined ? undefined : Number(number);
};

export const etagOf = (version: number): string => `W/"${version}"`;

const personIn = (body: Readonly<Record<string, unknown>>): PersonState => ({
  userName: String(body.userName),
  email: String(objectOf(listOf(body.emails)[0]).value),
  displayName: textOf(body.displayName),
  title: textOf(body.title),
  externalId: textOf(body.externalId),
  active: body.active === true,
});

const groupIn = (body: Readonly<Record<string, unknown>>): GroupState => ({
  displayName: String(body.displayName),
  members: [...idsOf(body.members)].sort(),
});

/** What a resource in an answer tells. */
export const answerOf = (on: Effect['on'], resource: unknown): Answer => {
  const body = objectOf(resource);
  const id = textOf(body.id);
  const version = versionIn(objectOf(body.meta).version);
  if (id === null || version === undefined) return {};
  if (on === 'person') return { id, version, person: personIn(body), groups: idsOf(body.groups) };
  return { id, version, group: groupIn(body) };
};

export interface BulkAnswer {
  readonly status: number;
  readonly answer: Answer;
}

/** The answers to the operations of a bulk request, in their order. They tell ids and versions only. */
export const bulkAnswersOf = ({ body }: HttpAnswer): readonly BulkAnswer[] =>
  listOf(objectOf(body).Operations).map((operation) => {
    const { status, location, version } = objectOf(operation);
    const id = textOf(location)?.split('/').at(-1);
    const number = versionIn(version);
    return {
      status: Number(status),
      answer: { ...(id === undefined ? {} : { id }), ...(number === undefined ? {} : { version: number }) },
    };
  });

/** Who was found by a filter. */
export const foundIn = ({ body }: HttpAnswer): unknown => listOf(objectOf(body).Resources)[0];

export const tokenIn = ({ body }: HttpAnswer): string | null => textOf(objectOf(body).token);
