import { expect } from '@jest/globals';
import fc from 'fast-check';
import { type Operation, patchBody, USER_SCHEMA } from '../support/provisioning.js';
import { hostEmail, type ModelPerson, type PersonStatement, type ScimModel, shownEmails } from '../support/scim-model.js';
import { command, EXTERNAL_IDS, expectFound, optional, pick, type Real, same, statusOf } from './model-command.js';

// Few, in different case, and an address both as userName and as e-mail: so that they collide.
const USER_NAMES = ['ann', 'ANN', 'bob', 'ann@x.example', 'Ann@X.example', 'carl@x.example'];
const EMAILS = ['ann@x.example', 'ANN@x.example', 'bob@x.example', 'carl@X.example'];

const emails = fc
  .uniqueArray(fc.constantFrom(...EMAILS), { minLength: 1, maxLength: 2 })
  .chain((values) =>
    fc
      .option(fc.nat(values.length - 1))
      .map((at) => values.map((value, n) => ({ value, ...(n === at ? { primary: true } : {}) }))),
  );
const person: fc.Arbitrary<PersonStatement> = fc.record(
  {
    userName: fc.constantFrom(...USER_NAMES),
    externalId: fc.constantFrom(...EXTERNAL_IDS),
    displayName: fc.constantFrom('Ann', 'Bob'),
    emails,
  },
  { requiredKeys: ['userName'] },
);
/** The statement with this run's prefix in all that has to be unique. */
const own = (statement: PersonStatement, prefix: string): PersonStatement => ({
  ...statement,
  userName: prefix + statement.userName,
  ...(statement.externalId === undefined ? {} : { externalId: prefix + statement.externalId }),
  ...(statement.emails === undefined
    ? {}
    : { emails: statement.emails.map((email) => ({ ...email, value: prefix + email.value })) }),
});
const shownPerson = (model: ScimModel, one: ModelPerson): object => {
  const shown = shownEmails(one.statement);
  return {
    id: one.id,
    ...one.statement,
    ...(shown === undefined ? {} : { emails: shown }),
    active: one.active,
    groups: model.groupsOf(one).map(({ id, statement }) => ({ value: id, display: statement.displayName })),
  };
};

const byValue = (a: { readonly value: string }, b: { readonly value: string }): number => (a.value < b.value ? -1 : 1);

/** What an answer says of a person, without what the model leaves to others. */
const outline = (body: Record<string, unknown>): object => {
  const { schemas: _schemas, meta: _meta, groups, ...rest } = body;
  const listed = (groups ?? []) as readonly { readonly value: string; readonly display: string }[];
  return { ...rest, groups: listed.map(({ value, display }) => ({ value, display })).sort(byValue) };
};

export const expectPerson = (body: Record<string, unknown>, model: ScimModel, one: ModelPerson): void => {
  expect(outline(body)).toEqual(outline(shownPerson(model, one) as Record<string, unknown>));
};

export const createPerson = fc.tuple(person, optional(fc.boolean())).map(([statement, active]) =>
  command(`POST person ${JSON.stringify({ ...statement, active })}`, async (model, { scim, prefix }) => {
    const stated = own(statement, prefix);
    const result = model.createPerson(stated, active ?? true);
    const made = typeof result === 'object' ? result : undefined;
    const answer = await scim
      .post('/Users', { schemas: [USER_SCHEMA], ...stated, ...(active === undefined ? {} : { active }) })
      .expect(made === undefined ? 409 : 201);
    if (made === undefined) return;
    made.id = answer.body.id;
    expectPerson(answer.body, model, made);
  }),
);

/** A change to one person, by PUT or PATCH; what did not change keeps its version, what did has a new one. */
const change = async (
  model: ScimModel,
  { scim }: Real,
  one: ModelPerson,
  sent: { readonly method: 'put' | 'patch'; readonly body: object },
  next: { readonly statement: PersonStatement; readonly active: boolean },
): Promise<void> => {
  const before = one.gone ? undefined : (await scim.get(`/Users/${one.id}`).expect(200)).body.meta.version;
  const { refusal, changed } = model.changePerson(one, next.statement, next.active);
  const answer = await scim[sent.method](`/Users/${one.id}`, sent.body).expect(statusOf(refusal, 200));
  if (refusal !== undefined) return;
  expectPerson(answer.body, model, one);
  expect(answer.body.meta.version !== before).toBe(changed);
};

export const replacePerson = fc.tuple(fc.nat(20), person, optional(fc.boolean())).map(([index, statement, active]) =>
  command(`PUT person ${index} ${JSON.stringify({ ...statement, active })}`, async (model, real) => {
    const one = pick(model.people, index);
    if (one === undefined) return;
    const stated = own(statement, real.prefix);
    const body = { schemas: [USER_SCHEMA], ...stated, ...(active === undefined ? {} : { active }) };
    await change(model, real, one, { method: 'put', body }, { statement: stated, active: active ?? one.active });
  }),
);

/** What a GET shows, sent back: that states the shown e-mail, and changes nothing else. */
export const echoPerson = fc.nat(20).map((index) =>
  command(`PUT person ${index} as shown`, async (model, real) => {
    const one = pick(model.livingPeople, index);
    if (one === undefined) return;
    const { body } = await real.scim.get(`/Users/${one.id}`).expect(200);
    const shown = shownEmails(one.statement);
    const statement = { ...one.statement, ...(shown === undefined ? {} : { emails: shown }) };
    await change(model, real, one, { method: 'put', body }, { statement, active: one.active });
  }),
);

export const modifyPerson = fc
  .tuple(
    fc.nat(20),
    person,
    fc.subarray(['userName', 'externalId', 'displayName', 'emails'] as const),
    optional(fc.boolean()),
    fc.boolean(),
  )
  .filter(([, , names, active]) => names.length > 0 || active !== undefined)
  .map(([index, statement, names, active, hasPaths]) =>
    command(
      `PATCH person ${index} ${names} of ${JSON.stringify({ ...statement, active })}${hasPaths ? '' : ' without path'}`,
      async (model, real) => {
        const one = pick(model.people, index);
        if (one === undefined) return;
        const stated = own(statement, real.prefix);
        const set: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, stated[name] ?? null]));
        const wanted = { ...set, ...(active === undefined ? {} : { active }) };
        const operations = Object.entries(wanted).map(
          ([path, value]): Operation => (value === null ? { op: 'remove', path } : { op: 'replace', path, value }),
        );
        const next = Object.fromEntries(Object.entries({ ...one.statement, ...set }).filter(([, value]) => value !== null));
        const body = hasPaths ? patchBody(...operations) : patchBody({ op: 'replace', value: wanted });
        await change(
          model,
          real,
          one,
          { method: 'patch', body },
          { statement: { ...next, userName: String(next.userName) }, active: active ?? one.active },
        );
      },
    ),
  );

export const deletePerson = fc.nat(20).map((index) =>
  command(`DELETE person ${index}`, async (model, { scim }) => {
    const one = pick(model.people, index);
    if (one === undefined) return;
    await scim.delete(`/Users/${one.id}`).expect(statusOf(model.deletePerson(one), 204));
  }),
);

export const findPeople = fc
  .tuple(fc.constantFrom(...USER_NAMES), fc.constantFrom(...EMAILS), fc.constantFrom(...EXTERNAL_IDS), fc.nat(9), fc.boolean())
  .map(([userName, email, externalId, index, active]) =>
    command(`find people by ${userName}, ${email}, ${externalId}, group ${index}, ${active}`, async (model, { scim, prefix }) => {
      const people = model.livingPeople;
      const find = (filter: string, isFound: (one: ModelPerson) => boolean): Promise<void> =>
        expectFound(scim, '/Users', filter, people.filter(isFound));
      await find(`userName eq "${prefix}${userName}"`, ({ statement }) => same(statement.userName, prefix + userName));
      await find(`externalId eq "${prefix}${externalId}"`, ({ statement }) => statement.externalId === prefix + externalId);
      await find(`emails.value eq "${prefix}${email}"`, ({ statement }) =>
        (statement.emails?.map(({ value }) => value) ?? [hostEmail(statement) ?? '']).some((value) =>
          same(value, prefix + email),
        ),
      );
      await find(`userName sw "${prefix}" and active eq ${active}`, (one) => one.active === active);
      const one = pick(model.groups, index);
      if (one !== undefined) await find(`groups.value eq "${one.id}"`, (member) => one.members.has(member));
    }),
  );
