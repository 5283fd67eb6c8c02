import type { Agent } from 'node:http';
import type { Database } from '../support/database.js';
import type { Host } from '../support/host-process.js';
import type { Directory } from './directory.js';
import type { Call } from './history.js';
import { createAgent, type HttpAnswer, send } from './http.js';

/** Everything that clients and faults of a soak share. */
export class Scene {
  readonly db: Database;
  /** undefined while one is down. */
  readonly replicas: [Host | undefined, Host | undefined];
  readonly names: Directory;
  /** The tokens that there were; the last one is the present one. */
  readonly tokens: string[];
  readonly calls: Call[] = [];
  readonly agent: Agent = createAgent();

  constructor(db: Database, replicas: readonly [Host, Host], token: string, names: Directory) {
    this.db = db;
    this.replicas = [...replicas];
    this.tokens = [token];
    this.names = names;
  }

  now(): number {
    return performance.now();
  }

  /** The replica that is wanted, or the other one where that is down. */
  pick(wanted: 0 | 1): { readonly index: number; readonly host: Host } | undefined {
    for (const index of [wanted, 1 - wanted]) {
      const host = this.replicas[index];
      if (host !== undefined) return { index, host };
    }
    return undefined;
  }

  async send(
    host: Host,
    request: { readonly method: string; readonly path: string; readonly body?: object; readonly ifMatch?: string },
    token: string | undefined,
  ): Promise<HttpAnswer | 'refused' | 'cut'> {
    const { method, path, body, ifMatch } = request;
    return send(
      {
        method,
        url: `${host.scimUrl}${path}`,
        headers: {
          authorization: `Bearer ${token ?? ''}`,
          ...(body === undefined ? {} : { 'content-type': 'application/scim+json' }),
          ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
        },
        ...(body === undefined ? {} : { body }),
      },
      this.agent,
    );
  }

  /** Sends a request of an administrator's page. */
  async sendAsAdmin(
    host: Host,
    request: { readonly method: string; readonly path: string; readonly body?: object },
    cookie: string,
  ): Promise<HttpAnswer | 'refused' | 'cut'> {
    const { method, path, body } = request;
    return send(
      {
        method,
        url: `${host.url}${path}`,
        headers: { cookie, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body }),
      },
      this.agent,
    );
  }
}
