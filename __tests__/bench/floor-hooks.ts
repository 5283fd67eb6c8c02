import { createHash } from 'node:crypto';
import express, { type Application, type ErrorRequestHandler, type Router } from 'express';
import type { IUnleashOptions } from 'unleash-server';
import type { ConnectionPool } from '../../lib/stores/database.js';
import { TEST_TOKEN } from '../support/host-process.js';
import { type RunStatement, refuse } from './floor-answers.js';
import { floorGroups } from './floor-groups.js';
import { floorPeople } from './floor-people.js';

const BODY_LIMIT = '10mb';

interface Connection {
  query(statement: { readonly name: string; readonly text: string; readonly values: readonly unknown[] }): Promise<{
    readonly rows: unknown[];
  }>;
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64');
const known = new Set([hashOf(TEST_TOKEN)]);

const runOn =
  ({ client }: ConnectionPool): RunStatement =>
  async <Row>(name: string, text: string, values: readonly unknown[]) => {
    const connection = (await client.acquireConnection()) as Connection;
    try {
      return (await connection.query({ name, text, values })).rows as readonly Row[];
    } finally {
      client.releaseConnection(connection);
    }
  };

const fail: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
  console.error(error);
  refuse(response, 500, 'The floor failed.');
};

/** Routers in the place of the plugin's, with as much around them as any needs. */
export const hooksOf = (routersOn: (run: RunStatement) => readonly Router[]): IUnleashOptions => ({
  preHook: (app: Application, _config: unknown, _services: unknown, db: ConnectionPool) => {
    const floor = express();
    floor.disable('etag').disable('x-powered-by');
    floor.use((request, response, next) => {
      if (known.has(hashOf((request.headers.authorization ?? '').slice('Bearer '.length)))) next();
      else refuse(response, 401, 'No valid token.');
    });
    floor.use(express.json({ type: 'application/scim+json', limit: BODY_LIMIT }));
    floor.use(...routersOn(runOn(db)), fail);
    app.use('/scim', floor);
  },
});

/**
 * What a plugin of this host can do at best: bare routes where the plugin has its own, one prepared statement a request on
 * the host's own connections, one row of an event log per change; and no validation, no schema, no version, no guard, no
 * settings, nothing of the host's own rows.
 */
export const hostOptions = hooksOf((run) => [floorPeople(run), floorGroups(run)]);
