import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { changedTables, dump } from '../conformance/bad-input/judge.js';
import { runs } from '../support/property-runs.js';
import { provision, provisionGroup } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';
import { type Allowed, readContract } from './hostile-contract.js';
import { type Bent, bend } from './hostile-mutations.js';
import { faultsOfAnswer, liesAbout, read, send } from './hostile-wire.js';

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Beyond it the people that requests have made are deleted, for each look at the database reads all. */
const MANY = 15;

const contract: fc.Arbitrary<Allowed> = await readContract();

describe('any request that the contract allows, bent', () => {
  const world = withWorld();
  const stage = { ids: {} as Readonly<Record<string, string>>, before: [] as readonly string[] };
  const statuses = new Map<string, number>();

  const inPlace = (text: string): string =>
    text.replace(/\$(USER|OTHER|GROUP)\b/g, (found, name: string) => stage.ids[name] ?? found);
  const atStage = (bent: Bent): Bent => ({
    ...bent,
    target: inPlace(bent.target),
    body: bent.body && Buffer.from(inPlace(bent.body.toString('latin1')), 'latin1'),
  });

  const list = async (path: string): Promise<readonly { readonly id: string }[]> => {
    const { body } = await world().scim.get(`${path}?count=1000`).expect(200);
    return body.Resources;
  };

  /** Whatever was changed must read back, in SCIM and in the host's pages. */
  const readBack = async (): Promise<void> => {
    const { admin } = world();
    for (const { id } of [...(await list('/Users')), ...(await list('/Groups'))]) expect(typeof id).toBe('string');
    await admin.get('/api/admin/user-admin').expect(200);
    await admin.get('/api/admin/groups').expect(200);
  };

  const setStage = async (): Promise<void> => {
    const { scim } = world();
    const people = await list('/Users');
    const groups = await list('/Groups');
    const { USER, OTHER, GROUP } = stage.ids;
    const isThere = [USER, OTHER, GROUP].every((id) => [...people, ...groups].some((resource) => resource.id === id));
    if (!isThere || people.length > MANY || groups.length > MANY) {
      for (const { id } of people) await scim.delete(`/Users/${id}`).expect(204);
      for (const { id } of groups) await scim.delete(`/Groups/${id}`).expect(204);
      const user = await provision(world(), 'ada@example.com', { displayName: 'Ada', externalId: 'ada-1' });
      const other = await provision(world(), 'other@example.com');
      const group = await provisionGroup(world(), 'Analysts', [user]);
      stage.ids = { USER: user.id, OTHER: other.id, GROUP: group.id };
    }
    stage.before = await dump(world().db);
  };

  beforeAll(async () => {
    await setStage();
  });
  afterAll(() => {
    if (process.env.PROPERTY_FACTOR !== undefined) console.log(Object.fromEntries([...statuses].sort()));
  });

  test('is answered in SCIM, never by a failure of the server, and changes nothing where it is refused', async () => {
    const before = await world().scim.get('/ServiceProviderConfig').expect(200);
    await fc.assert(
      fc.asyncProperty(bend(contract), async (bent) => {
        const sent = atStage(bent);
        const answer = read(await send(world().host, sent));
        expect(faultsOfAnswer(sent, answer)).toEqual([]);
        const status = answer?.status ?? 0;
        statuses.set(String(status), (statuses.get(String(status)) ?? 0) + 1);
        const after = await dump(world().db);
        const changed = changedTables(stage.before, after);
        stage.before = after;
        const isRefused = status >= 300 || READING.has(sent.method.toUpperCase());
        // Where the length is a lie, a whole request may stand in front of what Node refuses.
        if (isRefused && !liesAbout(sent)) expect(changed).toEqual([]);
        if (changed.length > 0) {
          await readBack();
          await setStage();
        }
      }),
      runs(400),
    );
    const { body } = await world().scim.get('/ServiceProviderConfig').expect(200);
    expect(body).toEqual(before.body);
    expect(world().host.logs()).not.toMatch(/SCIM \S+ failed|bulk operation failed|unhandled|TypeError|RangeError/i);
  }, 3_600_000);
});
