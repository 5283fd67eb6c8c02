import { expect } from '@jest/globals';
import fc from 'fast-check';
import { GROUP_SCHEMA, type Operation, patchBody } from '../support/provisioning.js';
import type { GroupStatement, ModelGroup, ModelPerson, ScimModel } from '../support/scim-model.js';
import { command, EXTERNAL_IDS, expectFound, optional, pick, same, statusOf } from './model-command.js';

// In different case, so that they collide.
const GROUP_NAMES = ['team', 'Team', 'TEAM', 'crew', 'squad'];

const group: fc.Arbitrary<GroupStatement> = fc.record(
  { displayName: fc.constantFrom(...GROUP_NAMES), externalId: fc.constantFrom(...EXTERNAL_IDS) },
  { requiredKeys: ['displayName'] },
);

const ownGroup = (statement: GroupStatement, prefix: string): GroupStatement => ({
  displayName: prefix + statement.displayName,
  ...(statement.externalId === undefined ? {} : { externalId: prefix + statement.externalId }),
});

const some = fc.uniqueArray(fc.nat(5), { maxLength: 3 });
const chosen = (model: ScimModel, indices: readonly number[]): readonly ModelPerson[] => [
  ...new Set(indices.flatMap((index) => pick(model.people, index) ?? [])),
];
const references = (people: readonly ModelPerson[]): readonly object[] => people.map(({ id }) => ({ value: id }));

export const createGroup = fc.tuple(group, some).map(([statement, indices]) =>
  command(`POST group ${JSON.stringify(statement)} of ${indices}`, async (model, { scim, prefix }) => {
    const stated = ownGroup(statement, prefix);
    const members = chosen(model, indices);
    const result = model.createGroup(stated, members);
    const made = typeof result === 'object' ? result : undefined;
    const status = typeof result === 'object' ? 201 : result;
    const { body } = await scim
      .post('/Groups', { schemas: [GROUP_SCHEMA], ...stated, members: references(members) })
      .expect(status ?? 201);
    if (made !== undefined) made.id = body.id;
  }),
);

export const replaceGroup = fc.tuple(fc.nat(9), group, optional(some)).map(([index, statement, indices]) =>
  command(`PUT group ${index} ${JSON.stringify(statement)} of ${indices}`, async (model, { scim, prefix }) => {
    const one = pick(model.groups, index);
    if (one === undefined) return;
    const stated = ownGroup(statement, prefix);
    const members = indices && chosen(model, indices);
    const refusal = model.changeGroup(one, stated, members && new Set(members));
    const body = { schemas: [GROUP_SCHEMA], ...stated, ...(members === undefined ? {} : { members: references(members) }) };
    await scim.put(`/Groups/${one.id}`, body).expect(statusOf(refusal, 200));
  }),
);

/** What a GET shows, sent back: no change at all. */
export const echoGroup = fc.nat(9).map((index) =>
  command(`PUT group ${index} as shown`, async (model, { scim }) => {
    const one = pick(model.livingGroups, index);
    if (one === undefined) return;
    const { body } = await scim.get(`/Groups/${one.id}`).expect(200);
    const answer = await scim.put(`/Groups/${one.id}`, body).expect(200);
    expect(answer.body).toEqual(body);
  }),
);

interface GroupStep {
  readonly operation: (model: ScimModel) => Operation;
  readonly members: (model: ScimModel, now: readonly ModelPerson[]) => readonly ModelPerson[];
}
const groupStep = fc
  .tuple(fc.constantFrom('add', 'remove', 'exact', 'clear'), some, fc.boolean())
  .map(([kind, indices, hasPath]): GroupStep => {
    // Of somebody who is gone nobody says anything but by mistake; other tests have the mistakes.
    const named = (model: ScimModel): readonly ModelPerson[] => chosen(model, indices).filter(({ gone }) => !gone);
    const written = (op: 'add' | 'replace', value: readonly object[]): Operation =>
      hasPath ? { op, path: 'members', value } : { op, value: { members: value } };
    const first = (model: ScimModel): ModelPerson | undefined => named(model)[0];
    if (kind === 'clear') return { operation: () => ({ op: 'remove', path: 'members' }), members: () => [] };
    if (kind === 'exact') return { operation: (model) => written('replace', references(named(model))), members: named };
    if (kind === 'add') {
      return {
        operation: (model) => written('add', references(named(model))),
        members: (model, now) => [...now, ...named(model)],
      };
    }
    return {
      operation: (model) => ({ op: 'remove', path: `members[value eq "${first(model)?.id ?? 'nobody'}"]` }),
      members: (model, now) => now.filter((member) => member !== first(model)),
    };
  });

export const modifyGroup = fc
  .tuple(fc.nat(9), fc.array(groupStep, { minLength: 1, maxLength: 4 }), optional(fc.constantFrom(...GROUP_NAMES)))
  .map(([index, steps, name]) =>
    command(
      `PATCH group ${index} by ${steps.length} steps${name === undefined ? '' : ` to ${name}`}`,
      async (model, { scim, prefix }) => {
        const one = pick(model.groups, index);
        if (one === undefined) return;
        const rename: readonly Operation[] =
          name === undefined ? [] : [{ op: 'replace', path: 'displayName', value: prefix + name }];
        const operations = [...steps.map(({ operation }) => operation(model)), ...rename];
        const members = steps.reduce<readonly ModelPerson[]>((now, step) => step.members(model, now), [...one.members]);
        const refusal = model.changeGroup(
          one,
          { ...one.statement, ...(name === undefined ? {} : { displayName: prefix + name }) },
          new Set(members),
        );
        await scim.patch(`/Groups/${one.id}`, patchBody(...operations)).expect(statusOf(refusal, 204));
      },
    ),
  );

export const deleteGroup = fc.nat(9).map((index) =>
  command(`DELETE group ${index}`, async (model, { scim }) => {
    const one = pick(model.groups, index);
    if (one !== undefined) await scim.delete(`/Groups/${one.id}`).expect(statusOf(model.deleteGroup(one), 204));
  }),
);

export const findGroups = fc.tuple(fc.constantFrom(...GROUP_NAMES), fc.nat(20)).map(([name, index]) =>
  command(`find groups by ${name}, member ${index}`, async (model, { scim, prefix }) => {
    const find = (filter: string, isFound: (one: ModelGroup) => boolean): Promise<void> =>
      expectFound(scim, '/Groups', filter, model.livingGroups.filter(isFound));
    await find(`displayName eq "${prefix}${name}"`, ({ statement }) => same(statement.displayName, prefix + name));
    const one = pick(model.people, index);
    if (one !== undefined) await find(`members[value eq "${one.id}"]`, ({ members }) => members.has(one));
  }),
);
