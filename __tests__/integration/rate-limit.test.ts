import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from '@jest/globals';
import { scim as clientOf } from '../support/clients.js';
import { userBody } from '../support/provisioning.js';
import { RawSender } from '../support/raw-request.js';
import { withWorld } from '../support/test-world.js';

const LIMIT = 20;
const world = withWorld({ scimOptions: { maxRequestsPerSecond: LIMIT } });
const sender = new RawSender();
afterAll(() => sender.close());

test('more requests than the option allows are 429 with Retry-After; the rest is served, and after that time all is', async () => {
  const { host } = world();
  const authorization = `Bearer ${host.token}`;
  await sleep(1_000);
  const begunAt = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 10 * LIMIT }, (_, i) =>
      sender.get(host, { authorization, path: i % 10 === 0 ? '/ServiceProviderConfig' : '/Users?count=0' }),
    ),
  );
  const seconds = (performance.now() - begunAt) / 1000;
  const served = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status !== 200);
  expect(served.length).toBeGreaterThanOrEqual(LIMIT);
  expect(served.length).toBeLessThanOrEqual(LIMIT + LIMIT * seconds + 1);
  for (const { status, retryAfter, body } of refused) {
    expect({ status, retryAfter }).toEqual({ status: 429, retryAfter: '1' });
    expect(body).toMatchObject({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: '429',
      detail: expect.stringContaining('maxRequestsPerSecond'),
    });
  }
  await sleep(1_000);
  expect((await sender.get(host, { authorization })).status).toBe(200);
});

test('what is refused is not done, and what has no valid token takes nothing of the limit', async () => {
  const { host, scim, db } = world();
  await sleep(1_000);
  for (let i = 0; i < 2 * LIMIT; i += 1) await clientOf(host, { token: 'wrong' }).get('/Users').expect(401);
  const created = await Promise.all(
    Array.from({ length: 5 * LIMIT }, async (_, i) => (await scim.post('/Users', userBody(`rated-${i}`))).status),
  );
  expect([...new Set(created)].sort()).toEqual([201, 429]);
  const [row] = await db.query<{ people: number }>(
    `SELECT count(*)::integer AS people FROM scim_users WHERE user_name LIKE 'rated-%'`,
  );
  expect(row?.people).toBe(created.filter((status) => status === 201).length);
});
