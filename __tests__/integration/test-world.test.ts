import { describe, expect, test } from '@jest/globals';
import request from 'supertest';
import { createLocalUser } from '../support/clients.js';
import { withWorld } from '../support/test-world.js';

describe.each(['', '/feature'])('a world under "%s"', (baseUriPath) => {
  const world = withWorld({ baseUriPath });

  test('has a healthy host', async () => {
    await request(world().host.url).get('/health').expect(200, { health: 'GOOD' });
  });

  test('has SCIM switched on for its token', async () => {
    await world().scim.get('/v2/ServiceProviderConfig').expect(200);
  });

  test('has an admin who can make local users', async () => {
    const { admin, db } = world();
    const { id } = await createLocalUser(admin, { username: 'ada', email: 'ada@example.com', name: 'Ada' });
    expect(await db.query('SELECT username, email FROM users WHERE id = $1', [id])).toEqual([
      { username: 'ada', email: 'ada@example.com' },
    ]);
  });
});
