import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ENTERPRISE_URN } from '../../lib/protocol/resource-schemas.js';
import { runs } from '../support/property-runs.js';
import { groupBody, userBody } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

/** A listed resource before it is made: what it can be sorted by. */
interface Seed {
  readonly type: 'User' | 'Group';
  readonly name: string;
  readonly title?: string | undefined;
  readonly family?: string | undefined;
  readonly emails?: readonly { readonly value: string; readonly primary?: boolean }[] | undefined;
  readonly department?: string | undefined;
}
interface Row extends Seed {
  readonly id: string;
  readonly displayName: string | undefined;
}
interface PageBody {
  readonly totalResults: number;
  readonly itemsPerPage: number;
  readonly startIndex?: number;
  readonly nextCursor?: string;
  readonly previousCursor?: string;
  readonly Resources: readonly { readonly id: string }[];
}

// Few and alike, so that there are ties; of different case and beyond ASCII, so that the order is a question.
const words = fc.constantFrom('a', 'A', 'b', 'B ', 'ä', '\uffee', '😀');
const maybe = fc.option(words, { nil: undefined });
const person: fc.Arbitrary<Seed> = fc.record({
  type: fc.constant('User' as const),
  name: words,
  title: maybe,
  family: maybe,
  emails: fc.option(fc.array(fc.record({ value: words, primary: fc.boolean() }), { minLength: 1, maxLength: 2 }), {
    nil: undefined,
  }),
  department: maybe,
});
const group: fc.Arbitrary<Seed> = fc.record({ type: fc.constant('Group' as const), name: words });

type Key = (row: Row) => string | undefined;
const folded = (text: string | undefined): string | undefined => (text === '' ? undefined : text?.toLowerCase());
const PERSON_SORTS: readonly (readonly [string, Key])[] = [
  ['userName', (row) => folded(row.name)],
  ['title', (row) => folded(row.title)],
  ['name.familyName', (row) => folded(row.family)],
  ['emails', (row) => folded((row.emails?.find(({ primary }) => primary) ?? row.emails?.[0])?.value)],
  [`${ENTERPRISE_URN}:department`, (row) => folded(row.department)],
];
const BOTH_SORTS: readonly (readonly [string, Key])[] = [
  ['displayName', (row) => folded(row.displayName)],
  ['id', (row) => row.id],
];

const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** RFC 7644 3.4.2.3: who has no value is last, and first in descending order; equals stay in the order in which they came. */
const inOrder = (rows: readonly Row[], key: Key | undefined, descending: boolean): readonly Row[] => {
  if (key === undefined) return rows;
  return [...rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === b) return 0;
    const ascending = a === undefined ? 1 : b === undefined ? -1 : byCodePoint(a, b);
    return descending ? -ascending : ascending;
  });
};

describe('the pages of a list', () => {
  const world = withWorld();
  let lists = 0;
  const nextTag = (): string => {
    lists += 1;
    return `l${lists.toString(36).padStart(4, '0')}-`;
  };

  /** A list of its own: rows that one filter finds, in a run where other lists exist beside it. */
  class Listed {
    readonly tag = nextTag();
    rows: readonly Row[] = [];
    #made = 0;

    body({ type, name, title, family, emails, department }: Seed): object {
      this.#made += 1;
      const serial = this.#made;
      const unique = `${this.tag}${name}~${serial}`;
      if (type === 'Group') return { ...groupBody(unique), externalId: `${this.tag}g${serial}` };
      return userBody(unique, {
        externalId: `${this.tag}u${serial}`,
        ...(title === undefined ? {} : { title, displayName: `${this.tag}${title}` }),
        ...(family === undefined ? {} : { name: { familyName: family } }),
        // An address is one person's only; what follows the first character decides no comparison of different words.
        ...(emails === undefined
          ? {}
          : { emails: emails.map(({ value, primary }, n) => ({ value: `${value}~${unique}~${n}`, primary })) }),
        ...(department === undefined ? {} : { [ENTERPRISE_URN]: { department } }),
      });
    }

    async make(seeds: readonly Seed[]): Promise<void> {
      if (seeds.length === 0) return;
      const Operations = seeds.map((seed, index) => ({
        method: 'POST',
        path: `/${seed.type}s`,
        bulkId: String(index),
        data: this.body(seed),
      }));
      const { body } = await world().scim.post('/Bulk', { Operations }).expect(200);
      const answers: readonly { readonly location: string; readonly status: string }[] = body.Operations;
      expect(answers.map(({ status }) => status)).toEqual(seeds.map(() => '201'));
      const serials = this.#made - seeds.length;
      this.rows = [
        ...this.rows,
        ...seeds.map((seed, index) => {
          const serial = serials + index + 1;
          const unique = `${this.tag}${seed.name}~${serial}`;
          const titled = seed.title === undefined ? undefined : `${this.tag}${seed.title}`;
          return {
            ...seed,
            name: unique,
            displayName: seed.type === 'Group' ? unique : titled,
            emails: seed.emails?.map((email, n) => ({ ...email, value: `${email.value}~${unique}~${n}` })),
            id: answers[index]?.location.split('/').at(-1) ?? '',
          };
        }),
      ];
    }

    async remove(row: Row): Promise<void> {
      await world().scim.delete(`/${row.type}s/${row.id}`).expect(204);
      this.rows = this.rows.filter((other) => other !== row);
    }
  }

  const read = async (path: string, parameters: Readonly<Record<string, string>>): Promise<PageBody> => {
    const { body } = await world()
      .scim.get(`${path}?${new URLSearchParams(parameters)}`)
      .expect(200);
    expect(body.itemsPerPage).toBe(body.Resources.length);
    return body;
  };
  const ids = (page: PageBody): readonly string[] => page.Resources.map(({ id }) => id);

  interface Scene {
    readonly path: '/Users' | '/Groups' | '/';
    readonly seeds: readonly Seed[];
    readonly sort: readonly [string, Key] | undefined;
    readonly descending: boolean;
    readonly count: number;
  }
  const sceneOf = (
    path: Scene['path'],
    seed: fc.Arbitrary<Seed>,
    sorts: readonly (readonly [string, Key])[],
  ): fc.Arbitrary<Scene> =>
    fc.record({
      path: fc.constant(path),
      seeds: fc.array(seed, { maxLength: 9 }),
      sort: fc.option(fc.constantFrom(...sorts), { nil: undefined, freq: 5 }),
      descending: fc.boolean(),
      count: fc.integer({ min: 1, max: 5 }),
    });
  const scene = fc.oneof(
    { weight: 4, arbitrary: sceneOf('/Users', person, [...PERSON_SORTS, ...BOTH_SORTS]) },
    { weight: 1, arbitrary: sceneOf('/Groups', group, BOTH_SORTS) },
    { weight: 2, arbitrary: sceneOf('/', fc.oneof(person, group), BOTH_SORTS) },
  );

  /** People stand before groups in a list of both, which matters where nothing else tells them apart. */
  const expected = (list: Listed, { path, sort, descending }: Scene): readonly string[] => {
    const rows = path === '/' ? [...list.rows].sort((a, b) => (a.type === b.type ? 0 : a.type === 'User' ? -1 : 1)) : list.rows;
    return inOrder(rows, sort?.[1], descending).map(({ id }) => id);
  };
  const parametersOf = (list: Listed, { sort, descending, count }: Scene, usesName: boolean): Record<string, string> => ({
    filter: usesName ? `externalId sw "${list.tag}"` : `not (not (externalId co "${list.tag}")) and externalId pr`,
    attributes: 'id',
    count: String(count),
    ...(sort === undefined ? {} : { sortBy: sort[0], sortOrder: descending ? 'descending' : 'ascending' }),
  });

  test('by index are the whole list, in order', async () => {
    await fc.assert(
      fc.asyncProperty(scene, fc.boolean(), async (one, usesName) => {
        const list = new Listed();
        await list.make(one.seeds);
        const parameters = parametersOf(list, one, usesName);
        const all = expected(list, one);
        const found: string[] = [];
        for (let startIndex = 1; startIndex <= all.length + 1; startIndex += one.count) {
          const page = await read(one.path, { ...parameters, startIndex: String(startIndex) });
          expect(page.totalResults).toBe(all.length);
          expect(page.startIndex).toBe(startIndex);
          expect(ids(page)).toHaveLength(Math.min(one.count, Math.max(0, all.length - startIndex + 1)));
          found.push(...ids(page));
        }
        expect(found).toEqual(all);
        expect(await read(one.path, { ...parameters, count: '0' })).toMatchObject({ totalResults: all.length, Resources: [] });
      }),
      runs(25),
    );
  }, 120_000);

  test('by cursor are the whole list there and back', async () => {
    await fc.assert(
      fc.asyncProperty(scene, fc.boolean(), async (one, usesName) => {
        const list = new Listed();
        await list.make(one.seeds);
        const parameters = parametersOf(list, one, usesName);
        const all = expected(list, one);
        const there: string[][] = [];
        let page = await read(one.path, { ...parameters, cursor: '' });
        expect(page.previousCursor).toBeUndefined();
        for (;;) {
          expect(page.totalResults).toBe(all.length);
          there.push([...ids(page)]);
          if (page.nextCursor === undefined) break;
          page = await read(one.path, { ...parameters, cursor: page.nextCursor });
        }
        expect(there.flat()).toEqual(all);
        expect(there.length).toBe(Math.max(1, Math.ceil(all.length / one.count)));
        const back: string[][] = [[...ids(page)]];
        while (page.previousCursor !== undefined) {
          page = await read(one.path, { ...parameters, cursor: page.previousCursor });
          back.unshift([...ids(page)]);
        }
        expect(back).toEqual(there);
      }),
      runs(25),
    );
  }, 120_000);

  test('by cursor hold everybody who is there throughout once, whoever comes and goes between them', async () => {
    const changes = fc.array(
      fc.record({ added: fc.array(fc.oneof(person, group), { maxLength: 2 }), removed: fc.array(fc.nat(), { maxLength: 2 }) }),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(scene, changes, fc.boolean(), async (one, between, backwards) => {
        const list = new Listed();
        await list.make(one.seeds);
        const parameters = parametersOf(list, one, true);
        const start = new Set(list.rows.map(({ id }) => id));
        const fits = (seed: Seed): boolean => one.path === '/' || one.path === `/${seed.type}s`;
        let cursor: string | undefined = '';
        if (backwards) {
          // To the end first, on the list as it is.
          let last: PageBody = await read(one.path, { ...parameters, cursor: '' });
          while (last.nextCursor !== undefined) last = await read(one.path, { ...parameters, cursor: last.nextCursor });
          cursor = last.previousCursor;
          for (const id of ids(last)) start.delete(id);
        }
        const pages: (readonly string[])[] = [];
        for (let turn = 0; cursor !== undefined; turn += 1) {
          const page: PageBody = await read(one.path, { ...parameters, cursor });
          expect(page.totalResults).toBe(list.rows.length);
          if (backwards) pages.unshift(ids(page));
          else pages.push(ids(page));
          cursor = backwards ? page.previousCursor : page.nextCursor;
          const change = between[turn];
          if (change === undefined) continue;
          await list.make(change.added.filter(fits));
          for (const index of change.removed) {
            const row = list.rows[index % Math.max(1, list.rows.length)];
            if (row !== undefined) await list.remove(row);
          }
        }
        const seen = pages.flat();
        expect(seen).toEqual([...new Set(seen)]);
        const throughout = expected(list, one).filter((id) => start.has(id));
        expect(seen.filter((id) => throughout.includes(id))).toEqual(throughout);
      }),
      runs(25),
    );
  }, 120_000);
});
