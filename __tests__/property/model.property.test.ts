import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { runs } from '../support/property-runs.js';
import { endOfLog, eventsSince, FIRST_TOKEN } from '../support/provisioning.js';
import { type ModelGroup, ScimModel } from '../support/scim-model.js';
import { withWorld } from '../support/test-world.js';
import { expectFound, type Real } from './model-command.js';
import { commands } from './model-commands.js';
import { expectPerson } from './model-people.js';

describe('a provisioned Unleash', () => {
  const world = withWorld();
  let started = 0;

  const expectPeople = async (model: ScimModel, { scim, prefix }: Real): Promise<void> => {
    await expectFound(scim, '/Users', `userName sw "${prefix}"`, model.livingPeople);
    for (const person of model.people) {
      const answer = await scim.get(`/Users/${person.id}`).expect(person.gone ? 404 : 200);
      if (!person.gone) expectPerson(answer.body, model, person);
    }
  };

  const expectGroup = (body: Record<string, unknown>, group: ModelGroup): void => {
    const {
      members = [],
      displayName,
      externalId,
    } = body as {
      readonly members?: readonly { readonly value: string; readonly display: string }[];
      readonly displayName: string;
      readonly externalId?: string;
    };
    expect({ displayName, ...(externalId === undefined ? {} : { externalId }) }).toEqual(group.statement);
    const shown = members.map(({ value, display }) => `${value} ${display.toLowerCase()}`);
    const expected = [...group.members].map(
      ({ id, statement }) => `${id} ${(statement.displayName ?? statement.userName).toLowerCase()}`,
    );
    expect(shown.sort()).toEqual(expected.sort());
  };

  const expectGroups = async (model: ScimModel, { scim, prefix }: Real): Promise<void> => {
    await expectFound(scim, '/Groups', `displayName sw "${prefix}"`, model.livingGroups);
    for (const group of model.groups) {
      const answer = await scim.get(`/Groups/${group.id}`).expect(group.gone ? 404 : 200);
      if (!group.gone) expectGroup(answer.body, group);
    }
  };

  /** The host's own memberships: those of who is live, and of nobody else. */
  const expectHostMembers = async (model: ScimModel, { db, prefix }: Real): Promise<void> => {
    const rows = await db.query<{ membership: string }>(
      `SELECT g.scim_id || ' ' || coalesce(u.scim_id, 'user ' || u.id) AS membership
       FROM group_user gu JOIN groups g ON g.id = gu.group_id JOIN users u ON u.id = gu.user_id WHERE starts_with(g.name, $1)`,
      [prefix],
    );
    const expected = model.livingGroups.flatMap(({ id, members }) =>
      [...members].filter(({ active }) => active).map((person) => `${id} ${person.id}`),
    );
    expect(rows.map(({ membership }) => membership).sort()).toEqual(expected.sort());
  };

  const expectEvents = async (model: ScimModel, { db }: Real, start: number): Promise<void> => {
    const counted = new Map<string, number>();
    for (const { type, created_by } of await eventsSince(db, start)) {
      if (created_by === FIRST_TOKEN) counted.set(type, (counted.get(type) ?? 0) + 1);
    }
    expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(model.events));
  };

  test('answers as the model does, whatever an identity provider does to it', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        const { scim, db } = world();
        started += 1;
        const model = new ScimModel();
        const real: Real = { scim, db, prefix: `m${started}-` };
        const start = await endOfLog(db);
        await fc.asyncModelRun(() => ({ model, real }), sequence);
        await expectPeople(model, real);
        await expectGroups(model, real);
        await expectHostMembers(model, real);
        await expectEvents(model, real, start);
      }),
      runs(30),
    );
  }, 300_000);
});
