import type { Script } from './contest.js';
import { type Exercise, few } from './exercise.js';
import type { Subject } from './subject.js';

export const PAGE = 100;
const FLAT = { flat: 1.2 };

export const PLACES = ['first', 'middle', 'last'] as const;
export type Place = (typeof PLACES)[number];

/** The position in the list at which a page of that place begins, from 0. */
export const offsetOf = (place: Place, people: number): number => {
  const last = Math.max(0, people - PAGE);
  return { first: 0, middle: Math.floor(last / 2 / PAGE) * PAGE, last: Math.floor(last / PAGE) * PAGE }[place];
};

const get = (path: string): Script => ({ status: 200, next: () => ({ method: 'GET', path }) });

export const pageByIndex = (offset: number): Script => get(`/Users?startIndex=${offset + 1}&count=${PAGE}`);
export const pageByCursor = (cursor: string): Script => get(`/Users?cursor=${encodeURIComponent(cursor)}&count=${PAGE}`);

/** The cursors of the pages that begin at these positions; a cursor can be had only from the page before. */
export const walkTo = async (
  subject: Subject,
  offsets: readonly number[],
  budgetMs: number,
): Promise<ReadonlyMap<number, string>> => {
  const cursors = new Map<number, string>();
  const furthest = Math.max(...offsets);
  const deadline = performance.now() + budgetMs;
  let cursor: string | undefined = '';
  for (let offset = 0; cursor !== undefined && offset <= furthest && performance.now() < deadline; offset += PAGE) {
    if (offsets.includes(offset)) cursors.set(offset, cursor);
    const { next } = pageByCursor(cursor);
    cursor = /"nextCursor":"([^"]+)"/.exec(await subject.expect(200, next()))?.[1];
  }
  return cursors;
};

const PLAN = few(20, 5);

/** Pages of 100, held against the first page by index among few. Depth and size shall not show. */
export const pageExercises = async (
  subjects: readonly Subject[],
  small: Subject,
  walkBudgetMs: number,
): Promise<readonly Exercise[]> => {
  const reference = { name: `first page of ${small.people.length} people`, subject: small, script: () => pageByIndex(0) };
  const size = (subject: Subject): number => subject.people.length;
  const exercises: Exercise[] = PLACES.map((place) => ({
    name: `${place} page by index`,
    plan: PLAN,
    script: (subject) => pageByIndex(offsetOf(place, size(subject))),
    reference,
    goals: FLAT,
  }));
  const cursors = new Map<Subject, ReadonlyMap<number, string>>();
  for (const subject of subjects) {
    const offsets = PLACES.map((place) => offsetOf(place, size(subject)));
    cursors.set(subject, await walkTo(subject, offsets, walkBudgetMs));
  }
  for (const place of PLACES) {
    const known = subjects.every((subject) => cursors.get(subject)?.has(offsetOf(place, size(subject))));
    if (!known) continue;
    exercises.push({
      name: `${place} page by cursor`,
      plan: PLAN,
      script: (subject) => pageByCursor(cursors.get(subject)?.get(offsetOf(place, size(subject))) ?? ''),
      reference,
      goals: FLAT,
    });
  }
  return exercises;
};

export const listGroups = (): Exercise => ({
  name: 'list groups without members',
  plan: PLAN,
  script: () => get(`/Groups?startIndex=1&count=${PAGE}&excludedAttributes=members`),
  goals: { speed: 0.8 },
});
