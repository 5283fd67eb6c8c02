import { addMembers, groupBody, patchBody, removeMember, setActive, userBody } from '../support/provisioning.js';
import type { Command } from './commands.js';
import type { Directory } from './directory.js';
import type { Effect, PersonStatement } from './history.js';

/** A request of SCIM, and what it means. */
export interface ScimRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/scim`. */
  readonly path: string;
  readonly body?: object;
  readonly effect: Effect;
  readonly ifMatch?: number;
}

const statementOf = ({ place, value }: Command, names: Directory): PersonStatement => ({
  userName: names.userName(place, value),
  email: names.email(place, value),
  displayName: `Person ${place} ${value}`,
  title: value % 3 === 0 ? `Title ${value}` : null,
  externalId: names.externalId(place, value),
});

const bodyOf = ({ userName, email, displayName, title, externalId }: PersonStatement, active: boolean | undefined): object =>
  userBody(userName, {
    displayName,
    emails: [{ value: email, primary: true }],
    ...(title === null ? {} : { title }),
    ...(externalId === null ? {} : { externalId }),
    ...(active === undefined ? {} : { active }),
  });

const createPerson = (command: Command, names: Directory): ScimRequest => {
  const statement = statementOf(command, names);
  const active = command.value % 8 !== 0;
  return {
    method: 'POST',
    path: '/Users',
    body: bodyOf(statement, active ? undefined : false),
    effect: { on: 'person', does: 'create', statement, active },
  };
};

const personRequest = (command: Command, names: Directory): ScimRequest | undefined => {
  const { action, place, value } = command;
  const id = names.person(place)?.id;
  if (id === undefined) return createPerson(command, names);
  const path = `/Users/${id}`;
  const write = (attributes: Partial<PersonStatement>, active: boolean | undefined): Effect => ({
    on: 'person',
    does: 'write',
    id,
    attributes,
    active,
  });
  switch (action) {
    case 'create person':
      return createPerson(command, names);
    case 'replace person': {
      const statement = statementOf(command, names);
      // A PUT that resumes and changes moves the version twice with one event, so none of these says `active: true`.
      const active = value % 6 === 0 ? false : undefined;
      return { method: 'PUT', path, body: bodyOf(statement, active), effect: write(statement, active) };
    }
    case 'patch person': {
      const key = value % 2 === 0 ? 'title' : 'displayName';
      const stated = `${key} ${value}`;
      return {
        method: 'PATCH',
        path,
        body: patchBody({ op: 'replace', path: key, value: stated }),
        effect: write({ [key]: stated }, undefined),
      };
    }
    case 'suspend and patch': {
      const title = `Left ${value}`;
      return {
        method: 'PATCH',
        path,
        body: patchBody({ op: 'replace', path: 'title', value: title }, { op: 'replace', path: 'active', value: false }),
        effect: write({ title }, false),
      };
    }
    case 'suspend':
    case 'resume':
      return { method: 'PATCH', path, body: setActive(action === 'resume'), effect: write({}, action === 'resume') };
    case 'delete person':
      return { method: 'DELETE', path, effect: { on: 'person', does: 'delete', id } };
    case 'read person':
      return { method: 'GET', path, effect: { on: 'person', does: 'read', id } };
    default:
      return undefined;
  }
};

const createGroup = ({ place, value, others }: Command, names: Directory): ScimRequest => {
  const displayName = names.groupName(place, value);
  const members = names.peopleIds(others);
  return {
    method: 'POST',
    path: '/Groups',
    body: groupBody(displayName, members),
    effect: { on: 'group', does: 'create', displayName, members },
  };
};

const groupRequest = (command: Command, names: Directory): ScimRequest => {
  const { action, place, value, others } = command;
  const id = names.group(place)?.id;
  if (id === undefined) return createGroup(command, names);
  const path = `/Groups/${id}`;
  const members = names.peopleIds(others);
  const write = (change: Partial<Extract<Effect, { on: 'group'; does: 'write' }>>): Effect => ({
    on: 'group',
    does: 'write',
    id,
    displayName: undefined,
    add: [],
    remove: [],
    exact: false,
    ...change,
  });
  const patch = (body: object, effect: Effect): ScimRequest => ({ method: 'PATCH', path, body, effect });
  switch (action) {
    case 'replace group': {
      const displayName = names.groupName(place, value);
      const effect = write({ displayName, add: members, exact: true });
      return { method: 'PUT', path, body: groupBody(displayName, members), effect };
    }
    case 'rename group': {
      // Now and then it is the name of another one.
      const displayName = names.groupName(value % 5 === 0 ? place + 1 : place, value + 1);
      return { method: 'PUT', path, body: groupBody(displayName), effect: write({ displayName }) };
    }
    case 'add members':
      return patch(addMembers(...members), write({ add: members }));
    case 'remove members': {
      const [first, ...more] = members;
      if (first === undefined) return { method: 'GET', path, effect: { on: 'group', does: 'read', id } };
      const body =
        more.length === 0
          ? removeMember(first)
          : patchBody({ op: 'remove', path: 'members', value: members.map((member) => ({ value: member })) });
      return patch(body, write({ remove: members }));
    }
    case 'state members':
      return patch(
        patchBody({ op: 'replace', path: 'members', value: members.map((member) => ({ value: member })) }),
        write({ add: members, exact: true }),
      );
    case 'clear members':
      return patch(patchBody({ op: 'remove', path: 'members' }), write({ exact: true }));
    case 'delete group':
      return { method: 'DELETE', path, effect: { on: 'group', does: 'delete', id } };
    case 'read group':
      return { method: 'GET', path, effect: { on: 'group', does: 'read', id } };
    default:
      return createGroup(command, names);
  }
};

const conditionOf = ({ condition }: Command, known: number | undefined): number | undefined => {
  if (condition === 'none' || known === undefined) return undefined;
  if (condition === 'newest') return known;
  return known > 1 ? known - 1 : undefined;
};

/** What a command asks for, as things are known now. */
export const requestOf = (command: Command, names: Directory): ScimRequest => {
  const onPerson = personRequest(command, names);
  const onGroup = /group|members/.test(command.action);
  const request = onGroup || onPerson === undefined ? groupRequest(command, names) : onPerson;
  const known = onGroup ? names.group(command.place) : names.person(command.place);
  const ifMatch =
    request.effect.does === 'write' || request.effect.does === 'delete' ? conditionOf(command, known?.version) : undefined;
  return ifMatch === undefined ? request : { ...request, ifMatch };
};
