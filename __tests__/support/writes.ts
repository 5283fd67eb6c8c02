import type request from 'supertest';
import type { ScimClient } from './clients.js';
import type { Database } from './database.js';
import {
  addMembers,
  groupBody,
  type Provisioned,
  patchBody,
  provision,
  provisionGroup,
  removeMember,
  setActive,
  userBody,
} from './provisioning.js';

interface Scene {
  readonly scim: ScimClient;
  readonly db: Database;
}

/** Sends the same request each time it is called. */
type Send = () => request.Test;

/** A kind of write, on people and groups of its own whose names begin with `name`. */
export interface Write {
  readonly kind: string;
  /** Of an answer that came; of one to a repetition where the first was carried out. */
  readonly statuses: readonly [first: number, again: number];
  prepare(scene: Scene, name: string): Promise<Send>;
}

const BULK_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:BulkRequest';

const email = (name: string): string => `${name}@example.com`;

const person = (name: string, more: object = {}): object =>
  userBody(name, { displayName: `Person ${name}`, externalId: `${name}-external`, emails: [{ value: email(name) }], ...more });

const makePerson = (scene: Scene, name: string): Promise<Provisioned> =>
  provision(scene, name, { displayName: `Person ${name}`, externalId: `${name}-external`, emails: [{ value: email(name) }] });

interface Crowd {
  readonly people: readonly [Provisioned, Provisioned, Provisioned];
  readonly group: Provisioned;
}

/** A group with the first two of three people, one of whom is suspended, and a role in a project for each. */
export const prepareCrowd = async (scene: Scene, name: string): Promise<Crowd> => {
  const [one, two, three] = [
    await makePerson(scene, `${name}-1`),
    await makePerson(scene, `${name}-2`),
    await makePerson(scene, `${name}-3`),
  ];
  const group = await provisionGroup(scene, `${name} group`, [one, two]);
  await scene.scim.patch(`/Users/${two.id}`, setActive(false)).expect(200);
  return { people: [one, two, three], group };
};

const onPerson =
  (send: (scim: ScimClient, person: Provisioned, name: string) => request.Test, suspended = false): Write['prepare'] =>
  async (scene, name) => {
    const { people } = await prepareCrowd(scene, name);
    const one = people[suspended ? 1 : 0];
    return () => send(scene.scim, one, `${name}-${suspended ? 2 : 1}`);
  };

const onGroup =
  (send: (scim: ScimClient, crowd: Crowd, name: string) => request.Test): Write['prepare'] =>
  async (scene, name) => {
    const crowd = await prepareCrowd(scene, name);
    return () => send(scene.scim, crowd, name);
  };

const onVersion = (path: 'Users' | 'Groups', body: (crowd: Crowd, name: string) => object): Write['prepare'] => {
  return async (scene, name) => {
    const crowd = await prepareCrowd(scene, name);
    const { id } = path === 'Users' ? crowd.people[0] : crowd.group;
    const { headers } = await scene.scim.get(`/${path}/${id}`).expect(200);
    return () => scene.scim.put(`/${path}/${id}`, body(crowd, name)).set('If-Match', String(headers.etag));
  };
};

const localUser = async ({ db }: Scene, name: string): Promise<void> => {
  const [user] = await db.query<{ id: number }>('INSERT INTO users (name, username, email) VALUES ($1, $1, $2) RETURNING id', [
    name,
    email(name),
  ]);
  await db.query(`INSERT INTO role_user (role_id, user_id, project) VALUES (2, $1, 'default')`, [user?.id]);
};

const replaceMembers = (...members: readonly Provisioned[]): object =>
  patchBody({ op: 'replace', path: 'members', value: members.map(({ id }) => ({ value: id })) });

/** Every kind of write on one resource: those that a single statement does, and those that take a transaction. */
export const WRITES: readonly Write[] = [
  {
    kind: 'create a person',
    statuses: [201, 409],
    prepare:
      async ({ scim }, name) =>
      () =>
        scim.post('/Users', person(name)),
  },
  {
    kind: 'create a person who is suspended',
    statuses: [201, 409],
    prepare:
      async ({ scim }, name) =>
      () =>
        scim.post('/Users', person(name, { active: false })),
  },
  {
    kind: 'create a person who adopts a local user',
    statuses: [201, 409],
    prepare: async (scene, name) => {
      await localUser(scene, name);
      return () => scene.scim.post('/Users', person(name));
    },
  },
  {
    kind: 'replace a person',
    statuses: [200, 200],
    prepare: onPerson((scim, { id }, name) => scim.put(`/Users/${id}`, person(name, { title: 'Engineer' }))),
  },
  {
    kind: 'replace a person under another name',
    statuses: [200, 200],
    prepare: onPerson((scim, { id }, name) => scim.put(`/Users/${id}`, person(`${name}-new`))),
  },
  {
    kind: 'replace a person who is suspended',
    statuses: [200, 200],
    prepare: onPerson((scim, { id }, name) => scim.put(`/Users/${id}`, person(`${name}-new`)), true),
  },
  {
    kind: 'replace a person of one version',
    statuses: [200, 412],
    prepare: onVersion('Users', (_crowd, name) => person(`${name}-1`, { title: 'Engineer' })),
  },
  {
    kind: 'change an attribute of a person',
    statuses: [200, 200],
    prepare: onPerson((scim, { id }) =>
      scim.patch(`/Users/${id}`, patchBody({ op: 'add', path: 'phoneNumbers', value: [{ value: '1', type: 'work' }] })),
    ),
  },
  {
    kind: 'suspend a person',
    statuses: [200, 200],
    prepare: onPerson((scim, { id }) => scim.patch(`/Users/${id}`, setActive(false))),
  },
  {
    kind: 'suspend a person and change their name',
    statuses: [200, 200],
    prepare: onPerson((scim, { id }, name) => scim.put(`/Users/${id}`, person(`${name}-left`, { active: false }))),
  },
  {
    kind: 'resume a person',
    statuses: [200, 200],
    prepare: onPerson((scim, { id }) => scim.patch(`/Users/${id}`, setActive(true)), true),
  },
  {
    kind: 'resume a person and change their name',
    statuses: [200, 200],
    prepare: onPerson((scim, { id }, name) => scim.put(`/Users/${id}`, person(`${name}-back`, { active: true })), true),
  },
  {
    kind: 'delete a person',
    statuses: [204, 404],
    prepare: onPerson((scim, { id }) => scim.delete(`/Users/${id}`)),
  },
  {
    kind: 'delete a person who is suspended',
    statuses: [204, 404],
    prepare: onPerson((scim, { id }) => scim.delete(`/Users/${id}`), true),
  },
  {
    kind: 'create a group',
    statuses: [201, 409],
    prepare: onGroup((scim, { people: [one, two] }, name) =>
      scim.post('/Groups', { ...groupBody(`${name} new`, [one.id, two.id]), externalId: `${name}-external` }),
    ),
  },
  {
    kind: 'create a group that adopts a local one',
    statuses: [201, 409],
    prepare: async (scene, name) => {
      const { people } = await prepareCrowd(scene, name);
      await scene.db.query('INSERT INTO groups (name, root_role_id) VALUES ($1, 2)', [`${name} local`]);
      return () =>
        scene.scim.post(
          '/Groups',
          groupBody(
            `${name} local`,
            people.map(({ id }) => id),
          ),
        );
    },
  },
  {
    kind: 'replace a group',
    statuses: [200, 200],
    prepare: onGroup((scim, { group, people: [, two, three] }, name) =>
      scim.put(`/Groups/${group.id}`, groupBody(`${name} group`, [two.id, three.id])),
    ),
  },
  {
    kind: 'replace a group under another name',
    statuses: [200, 200],
    prepare: onGroup((scim, { group, people: [, , three] }, name) =>
      scim.put(`/Groups/${group.id}`, groupBody(`${name} renamed`, [three.id])),
    ),
  },
  {
    kind: 'replace a group of one version',
    statuses: [200, 412],
    prepare: onVersion('Groups', ({ people: [, , three] }, name) => groupBody(`${name} group`, [three.id])),
  },
  {
    kind: 'add a member',
    statuses: [204, 204],
    prepare: onGroup((scim, { group, people: [, , three] }) => scim.patch(`/Groups/${group.id}`, addMembers(three.id))),
  },
  {
    kind: 'add members, one of whom is suspended',
    statuses: [204, 204],
    prepare: async (scene, name) => {
      const { group, people } = await prepareCrowd(scene, name);
      await scene.scim.patch(`/Groups/${group.id}`, replaceMembers()).expect(204);
      return () => scene.scim.patch(`/Groups/${group.id}`, addMembers(...people.map(({ id }) => id)));
    },
  },
  {
    kind: 'remove a member',
    statuses: [204, 204],
    prepare: onGroup((scim, { group, people: [one] }) => scim.patch(`/Groups/${group.id}`, removeMember(one.id))),
  },
  {
    kind: 'replace the members',
    statuses: [204, 204],
    prepare: onGroup((scim, { group, people: [, two, three] }) => scim.patch(`/Groups/${group.id}`, replaceMembers(two, three))),
  },
  {
    kind: 'rename a group',
    statuses: [204, 204],
    prepare: onGroup((scim, { group }, name) =>
      scim.patch(`/Groups/${group.id}`, patchBody({ op: 'replace', path: 'displayName', value: `${name} renamed` })),
    ),
  },
  {
    kind: 'delete a group',
    statuses: [204, 404],
    prepare: onGroup((scim, { group }) => scim.delete(`/Groups/${group.id}`)),
  },
];

interface BulkOperation {
  readonly method: string;
  readonly path: string;
  readonly bulkId?: string;
  readonly data?: object;
}

export const bulkBody = (Operations: readonly BulkOperation[]): object => ({ schemas: [BULK_SCHEMA], Operations });

/** New people, one of whom starts suspended, in a new group, beside a change, a suspension and a deletion. */
export const mixedBulk = ({ people: [one, two, three], group }: Crowd, name: string): readonly BulkOperation[] => [
  { method: 'POST', path: '/Users', bulkId: 'a', data: person(`${name}-a`) },
  { method: 'POST', path: '/Users', bulkId: 'b', data: person(`${name}-b`) },
  { method: 'POST', path: '/Users', bulkId: 'c', data: person(`${name}-c`, { active: false }) },
  { method: 'PUT', path: `/Users/${two.id}`, data: person(`${name}-2`, { title: 'Engineer' }) },
  { method: 'PATCH', path: `/Users/${one.id}`, data: setActive(false) },
  {
    method: 'POST',
    path: '/Groups',
    bulkId: 'g',
    data: groupBody(`${name} bulk`, ['bulkId:a', 'bulkId:b', 'bulkId:c']),
  },
  { method: 'PATCH', path: `/Groups/${group.id}`, data: addMembers('bulkId:a', 'bulkId:c') },
  { method: 'DELETE', path: `/Users/${three.id}` },
];
