import type { Application, Request, RequestHandler, Response } from 'express';
import type { IUnleashConfig } from 'unleash-server';
import { sql } from '../sql/sql.js';
import type { Database } from '../stores/database.js';

/** What the host's session and authentication leave on a request. */
interface AuthenticatedRequest extends Request {
  readonly user?: { readonly id?: number; readonly isAPI?: boolean };
  readonly session?: { readonly user?: { readonly id?: number }; destroy?(done: (error?: unknown) => void): void };
}

const personIds = (request: AuthenticatedRequest): readonly number[] => {
  // Of a request with an API token a session decides nothing.
  if (request.user?.isAPI === true) return [];
  const users = [request.session?.user, request.user];
  const ids = users.map((user) => user?.id).filter((id): id is number => typeof id === 'number' && id > 0);
  return [...new Set(ids)];
};

const refuse = (request: AuthenticatedRequest, response: Response, baseUriPath: string): void => {
  const answer = (): void => {
    // The shape in which the host's pages know that they must show the login.
    response.status(401).json({
      name: 'AuthenticationRequired',
      id: 'session-ended',
      message: 'You must log in to use Unleash. Your user is not active any more.',
      type: 'password',
      path: `${baseUriPath}/auth/simple/login`,
    });
  };
  if (request.session?.destroy === undefined) answer();
  else request.session.destroy(answer);
};

/**
 * Refuses a session whose user is gone. The host keeps the whole user in the session and asks nobody whether they are still
 * there, and a request that was under way when the session's row was deleted brings the row back: this look-up by primary key
 * makes both harmless, on every replica and with any kind of login.
 */
export const guardSessions = (app: Application, config: IUnleashConfig, database: Database): void => {
  const { baseUriPath } = config.server;
  const guard: RequestHandler = (request, response, next) => {
    const ids = personIds(request);
    if (ids.length === 0) {
      next();
      return;
    }
    database
      .query<{ live: number }>(
        sql`SELECT count(*)::integer AS live FROM users WHERE id = ANY(${ids}::integer[]) AND deleted_at IS NULL`,
      )
      .then((rows) => {
        if (rows[0]?.live === ids.length) next();
        else refuse(request, response, baseUriPath);
      })
      .catch(next);
  };
  // All of it, not the pages alone: beside a header that looks like a personal access token, Unleash 7 lets a session read
  // `/api/client` too.
  app.use(`${baseUriPath}/api`, guard);
};
