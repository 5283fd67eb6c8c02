import { expect } from '@jest/globals';
import fc from 'fast-check';
import type { ScimClient } from '../support/clients.js';
import type { Database } from '../support/database.js';
import type { Refusal, ScimModel } from '../support/scim-model.js';

export interface Real {
  readonly scim: ScimClient;
  readonly db: Database;
  /** In front of every name of this run. */
  readonly prefix: string;
}
export type Command = fc.AsyncCommand<ScimModel, Real>;

export const command = (name: string, run: Command['run']): Command => ({ check: () => true, run, toString: () => name });

export const EXTERNAL_IDS = ['1', '2', 'a', 'A'];

export const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });
export const pick = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(1, list.length)];
export const statusOf = (refusal: Refusal, done: number): number => refusal ?? done;

export const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
/** Lists that must find exactly the ids, in whatever order. */
export const expectFound = async (
  scim: ScimClient,
  path: string,
  filter: string,
  found: readonly { readonly id: string }[],
): Promise<void> => {
  const { body } = await scim.get(`${path}?${new URLSearchParams({ filter, count: '100' })}`).expect(200);
  const ids = body.Resources.map(({ id }: { readonly id: string }) => id);
  expect([filter, body.totalResults, ...ids.sort()]).toEqual([filter, found.length, ...found.map(({ id }) => id).sort()]);
};
