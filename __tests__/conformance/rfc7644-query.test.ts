import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Provisioned, provision, provisionGroup } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';

const LIST = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
const SEARCH = 'urn:ietf:params:scim:api:messages:2.0:SearchRequest';
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';

const world = withWorld();
const people: Provisioned[] = [];

/** In the order of their making; titles and e-mails are for sorting. */
const ROSTER = [
  {
    userName: 'charlie',
    title: 'beta',
    name: { familyName: 'Zeta' },
    emails: [{ value: 'x@c.example' }, { value: 'a@c.example', primary: true }],
  },
  { userName: 'Alice', title: 'Alpha', emails: [{ value: 'm@a.example' }, { value: 'z@a.example' }] },
  {
    userName: 'bob',
    title: 'ALPHA',
    name: { familyName: 'Eta' },
    emails: [{ value: 'b@b.example' }],
    [ENTERPRISE]: { department: 'd' },
  },
  { userName: 'dora', name: { familyName: 'Theta' } },
];

beforeAll(async () => {
  for (const { userName, ...more } of ROSTER) people.push(await provision(world(), userName, more));
  await provisionGroup(world(), 'Analysts', people.slice(0, 2));
  await provisionGroup(world(), 'builders');
});

interface ListBody {
  readonly schemas: readonly string[];
  readonly totalResults: number;
  readonly startIndex?: number;
  readonly itemsPerPage?: number;
  readonly Resources: readonly Readonly<Record<string, unknown>>[];
}

const list = async (query: Readonly<Record<string, string>>, path = '/Users'): Promise<ListBody> =>
  (
    await world()
      .scim.get(`${path}?${new URLSearchParams(query)}`)
      .expect(200)
  ).body;

const names = async (query: Readonly<Record<string, string>>, path?: string): Promise<readonly unknown[]> =>
  (await list(query, path)).Resources.map(({ userName, displayName }) => userName ?? displayName);

describe('a list', () => {
  test('is a ListResponse with the number of all results', async () => {
    expect(await list({ count: '2' })).toMatchObject({
      schemas: [LIST],
      totalResults: 4,
      startIndex: 1,
      itemsPerPage: 2,
      Resources: [{}, {}],
    });
  });

  test('of nothing is 200 with a total of 0', async () => {
    expect(await list({ filter: 'userName eq "nobody"' })).toMatchObject({ schemas: [LIST], totalResults: 0, Resources: [] });
  });

  test('of the server holds people and groups, and a filter can choose the type', async () => {
    expect(await names({}, '/')).toEqual(expect.arrayContaining(['charlie', 'Alice', 'bob', 'dora', 'Analysts', 'builders']));
    expect(await names({ filter: 'meta.resourceType eq "Group"' }, '/')).toEqual(['Analysts', 'builders']);
    expect(await names({ filter: 'meta.resourceType eq "User" and userName sw "a"' }, '/')).toEqual(['Alice']);
  });

  test('of the server takes an attribute that a type lacks as one without a value', async () => {
    expect(await names({ filter: 'userName pr' }, '/')).toEqual(['charlie', 'Alice', 'bob', 'dora']);
    expect(await names({ filter: 'members pr' }, '/')).toEqual(['Analysts']);
    expect(await names({ filter: 'userName eq "bob" or members pr' }, '/')).toEqual(['bob', 'Analysts']);
  });

  test('below a single resource is the resource', async () => {
    const { body } = await world().scim.get(`/Users/${people[0]?.id}?attributes=userName`).expect(200);
    expect(body).toEqual({ schemas: expect.any(Array), id: people[0]?.id, userName: 'charlie' });
  });
});

describe('pages', () => {
  test('begin at 1 where startIndex is less, and count from 1', async () => {
    const first = await names({ count: '1' });
    for (const startIndex of ['1', '0', '-5']) expect(await names({ startIndex, count: '1' })).toEqual(first);
    expect(await names({ startIndex: '2', count: '1' })).not.toEqual(first);
    expect((await list({ startIndex: '-5', count: '1' })).startIndex).toBe(1);
  });

  test('hold nothing but the total where count is 0 or negative', async () => {
    for (const count of ['0', '-3']) expect(await list({ count })).toMatchObject({ totalResults: 4, Resources: [] });
  });

  test('hold no more than count, and together everything once', async () => {
    const all = [];
    for (const startIndex of ['1', '3', '5']) {
      const page = await names({ startIndex, count: '2' });
      expect(page.length).toBeLessThanOrEqual(2);
      all.push(...page);
    }
    expect([...all].sort()).toEqual(['Alice', 'bob', 'charlie', 'dora']);
  });

  test('past the end are empty', async () => {
    expect(await list({ startIndex: '100' })).toMatchObject({ totalResults: 4, startIndex: 100, itemsPerPage: 0, Resources: [] });
  });
});

describe('an order', () => {
  test('ascends without a sortOrder, and does not mind case where the attribute does not', async () => {
    expect(await names({ sortBy: 'userName' })).toEqual(['Alice', 'bob', 'charlie', 'dora']);
    expect(await names({ sortBy: 'userName', sortOrder: 'ascending' })).toEqual(['Alice', 'bob', 'charlie', 'dora']);
    expect(await names({ sortBy: 'title' })).toEqual(['Alice', 'bob', 'charlie', 'dora']);
  });

  test('descends with those first that have no value', async () => {
    expect(await names({ sortBy: 'title', sortOrder: 'descending' })).toEqual(['dora', 'charlie', 'Alice', 'bob']);
  });

  test('goes by a sub-attribute, with those last that have no value', async () => {
    expect(await names({ sortBy: 'name.familyName' })).toEqual(['bob', 'dora', 'charlie', 'Alice']);
  });

  test('goes by the primary value of a list, else by the first', async () => {
    expect(await names({ sortBy: 'emails.value' })).toEqual(['charlie', 'bob', 'Alice', 'dora']);
    expect(await names({ sortBy: 'emails' })).toEqual(['charlie', 'bob', 'Alice', 'dora']);
  });

  test('goes by a time as a time and by an id with its case', async () => {
    expect(await names({ sortBy: 'meta.created' })).toEqual(['charlie', 'Alice', 'bob', 'dora']);
    const { Resources } = await list({ sortBy: 'id' });
    const ids = Resources.map(({ id }) => String(id));
    expect(ids).toEqual([...ids].sort());
  });

  test('holds across people and groups', async () => {
    expect(await names({ sortBy: 'displayName', filter: 'meta.resourceType eq "Group"' }, '/')).toEqual(['Analysts', 'builders']);
    expect((await names({ sortBy: 'userName' }, '/')).slice(0, 4)).toEqual(['Alice', 'bob', 'charlie', 'dora']);
  });
});

describe('attributes and excludedAttributes', () => {
  const keys = async (query: Readonly<Record<string, string>>): Promise<readonly string[]> =>
    Object.keys((await list({ filter: 'userName eq "bob"', ...query })).Resources[0] ?? {}).sort();

  test('choose what is returned besides the minimum', async () => {
    expect(await keys({ attributes: 'userName' })).toEqual(['id', 'schemas', 'userName']);
    expect(await keys({ attributes: 'NAME.familyname' })).toEqual(['id', 'name', 'schemas']);
    expect(await keys({ attributes: 'shoeSize' })).toEqual(['id', 'schemas']);
  });

  test('choose by full names too', async () => {
    expect(await keys({ attributes: `${ENTERPRISE}:department` })).toEqual(['id', 'schemas', ENTERPRISE].sort());
    expect(await keys({ attributes: 'urn:ietf:params:scim:schemas:core:2.0:User:title' })).toEqual(['id', 'schemas', 'title']);
  });

  test('leave out what is excluded, but never the minimum', async () => {
    const whole = await keys({});
    expect(await keys({ excludedAttributes: 'title,id,schemas' })).toEqual(whole.filter((key) => key !== 'title'));
  });

  test('leave out a sub-attribute and keep its brothers', async () => {
    const [bob] = (await list({ filter: 'userName eq "bob"', excludedAttributes: 'emails.primary,meta.version' })).Resources;
    expect(bob?.meta).not.toHaveProperty('version');
    expect(bob?.meta).toHaveProperty('created');
  });

  test('apply to every answer that holds a resource', async () => {
    const { scim } = world();
    const path = `/Users/${people[3]?.id}?attributes=userName`;
    const put = await scim.put(path, { userName: 'dora', name: { familyName: 'Theta' } }).expect(200);
    const patch = await scim.patch(path, { Operations: [{ op: 'replace', path: 'userName', value: 'dora' }] }).expect(200);
    expect([Object.keys(put.body).sort(), Object.keys(patch.body).sort()]).toEqual(Array(2).fill(['id', 'schemas', 'userName']));
  });

  test('decide for attributes where both are sent', async () => {
    expect(await keys({ attributes: 'title', excludedAttributes: 'title' })).toEqual(['id', 'schemas', 'title']);
  });
});

describe('a search by POST', () => {
  const search = async (path: string, body: object): Promise<ListBody> =>
    (
      await world()
        .scim.post(`${path}/.search`, { schemas: [SEARCH], ...body })
        .expect(200)
    ).body;

  test('answers as the query with the same parameters does', async () => {
    const body = {
      filter: 'title pr',
      sortBy: 'userName',
      sortOrder: 'descending',
      startIndex: 2,
      count: 1,
      attributes: ['userName'],
    };
    const query = {
      filter: 'title pr',
      sortBy: 'userName',
      sortOrder: 'descending',
      startIndex: '2',
      count: '1',
      attributes: 'userName',
    };
    expect(await search('/Users', body)).toEqual(await list(query));
    expect(await search('', { excludedAttributes: ['meta', 'groups'] })).toEqual(
      await list({ excludedAttributes: 'meta,groups' }, '/'),
    );
    expect(await search('/Groups', {})).toEqual(await list({}, '/Groups'));
  });

  test('creates nothing', async () => {
    const before = await list({});
    await search('/Users', { userName: 'nobody', schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'] });
    expect(await list({})).toEqual(before);
  });
});
