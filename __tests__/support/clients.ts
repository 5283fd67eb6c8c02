import request from 'supertest';
import type TestAgent from 'supertest/lib/agent.js';
import type { Host } from './host-process.js';

const SCIM_TYPE = 'application/scim+json';

export interface ScimClient {
  get(path: string): request.Test;
  post(path: string, body?: object): request.Test;
  put(path: string, body?: object): request.Test;
  patch(path: string, body?: object): request.Test;
  delete(path: string): request.Test;
}

/** Speaks SCIM as an identity provider does. Paths start below `/scim`, as in `/Users`. `token: null` sends none. */
export const scim = (host: Host, options: { readonly token?: string | null } = {}): ScimClient => {
  const token = options.token === undefined ? host.token : options.token;
  const send = (method: keyof ScimClient, path: string, body?: object): request.Test => {
    const test = request(host.scimUrl)[method](path).set('Accept', SCIM_TYPE);
    if (token !== null) test.set('Authorization', `Bearer ${token}`);
    return body === undefined ? test : test.set('Content-Type', SCIM_TYPE).send(body);
  };
  return {
    get: (path) => send('get', path),
    post: (path, body) => send('post', path, body),
    put: (path, body) => send('put', path, body),
    patch: (path, body) => send('patch', path, body),
    delete: (path) => send('delete', path),
  };
};

/** Logged in to the host's pages. Paths start below the base path, as in `/api/admin/user`. */
export type Session = InstanceType<typeof TestAgent>;

export const adminSession = async (host: Host, username = 'admin', password = 'unleash4all'): Promise<Session> => {
  const session = request.agent(host.url);
  await session.post('/auth/simple/login').send({ username, password }).expect(200);
  return session;
};

export interface LocalUser {
  readonly id: number;
  readonly username?: string;
  readonly email?: string;
  readonly name?: string;
}

/** A user that SCIM knows nothing of, made as an admin makes one; `rootRole` is Viewer (3) unless said otherwise. */
export const createLocalUser = async (
  admin: Session,
  user: Omit<LocalUser, 'id'> & { readonly password?: string; readonly rootRole?: number },
): Promise<LocalUser> => {
  const body = { rootRole: 3, sendEmail: false, ...user };
  const answer = await admin.post('/api/admin/user-admin').send(body).expect(201);
  return answer.body;
};
