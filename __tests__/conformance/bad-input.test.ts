import { beforeAll, describe, expect, test } from '@jest/globals';
import { provision, provisionGroup } from '../support/provisioning.js';
import { withWorld } from '../support/test-world.js';
import { addresses } from './bad-input/addresses.js';
import { type BadInput, ENTERPRISE_URN } from './bad-input/bad-input.js';
import { badOperations, bulkRequests } from './bad-input/bulk.js';
import { filters } from './bad-input/filters.js';
import { groupBodies } from './bad-input/group-bodies.js';
import { changedTables, dump, faultsOf, faultsOfError, parseJson, sendRaw } from './bad-input/judge.js';
import { patches } from './bad-input/patches.js';
import { queries } from './bad-input/queries.js';
import { badTexts } from './bad-input/texts.js';
import { userBodies } from './bad-input/user-bodies.js';

const world = withWorld();
const stage = { ids: {} as Readonly<Record<string, string>>, before: [] as readonly string[] };

const inPlace = <Part extends string | Buffer>(part: Part): Part =>
  (typeof part === 'string'
    ? part.replace(/\$(USER|OTHER|GROUP|UPPERCASED)\b/g, (_, name: string) => stage.ids[name] ?? '')
    : part) as Part;

/** Since the request before this one, so that one slip fails one test. */
const changes = async (): Promise<readonly string[]> => {
  const after = await dump(world().db);
  const changed = changedTables(stage.before, after);
  stage.before = after;
  return changed;
};

beforeAll(async () => {
  const user = await provision(world(), 'ada@example.com', {
    externalId: 'ada-1',
    displayName: 'Ada',
    name: { givenName: 'Ada', familyName: 'Lovelace' },
    emails: [{ value: 'ada@example.com', type: 'work', primary: true }],
    phoneNumbers: [{ value: '1', type: 'mobile' }],
    [ENTERPRISE_URN]: { department: 'Engines' },
  });
  const other = await provision(world(), 'other@example.com', { externalId: 'other-1' });
  const group = await provisionGroup(world(), 'Analysts', [user]);
  const otherGroup = await world().scim.post('/Groups', { displayName: 'Other group', externalId: 'other-group' }).expect(201);
  stage.ids = {
    USER: user.id,
    OTHER: other.id,
    GROUP: group.id,
    OTHERGROUP: otherGroup.body.id,
    UPPERCASED: user.id.toUpperCase(),
  };
  stage.before = await dump(world().db);
});

const everything: readonly (readonly [title: string, cases: readonly BadInput[]])[] = [
  ['bodies of people', userBodies],
  ['bodies of groups', groupBodies],
  ['texts and encodings', badTexts],
  ['changes', patches],
  ['filters', filters],
  ['queries', queries],
  ['addresses, methods, tokens and versions', addresses],
  ['bulk requests', bulkRequests],
];

describe.each(everything)('%s', (_title, cases) => {
  test.each(cases.map((input) => [input.name, input] as const))('refuses %s', async (_name, input) => {
    const { method, path, headers, body } = input;
    const answer = await sendRaw(world().host, {
      method,
      path: inPlace(path),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body: inPlace(body) }),
    });
    expect({ faults: faultsOf(answer, input), changed: await changes() }).toEqual({ faults: [], changed: [] });
  });
});

describe('operations of a bulk request', () => {
  test.each(badOperations.map((bad) => [bad.name, bad] as const))('refuses %s and goes on', async (_name, bad) => {
    const last = '{"method":"DELETE","path":"/Groups/no-such-group"}';
    const answer = await sendRaw(world().host, {
      method: 'POST',
      path: '/Bulk',
      body: inPlace(`{"Operations":[${bad.operation},${last}]}`),
    });
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    const { Operations } = parseJson(answer.text) as { Operations: readonly { status: string; response: unknown }[] };
    const [first, second] = Operations;
    expect([first?.status, second?.status]).toEqual([String(bad.status), '404']);
    expect(faultsOfError(first?.response, bad)).toEqual([]);
    expect(await changes()).toEqual([]);
  });
});

describe('the corpus', () => {
  test('holds each bad input once', () => {
    const names = [...everything.flatMap(([, cases]) => cases), ...badOperations].map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(names.length).toBeGreaterThan(300);
  });

  test('makes nothing fail that nobody foresaw', () => {
    expect(world().host.logs()).not.toMatch(/SCIM \S+ failed|bulk operation failed|unhandled/i);
  });
});
