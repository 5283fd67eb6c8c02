import { setTimeout as sleep } from 'node:timers/promises';
import { type Host, startHost } from '../support/host-process.js';
import { tokenIn } from './answers.js';
import { type Fault, PEOPLE, type PlannedFault } from './commands.js';
import type { Call, Effect } from './history.js';
import type { HttpAnswer } from './http.js';
import type { Scene } from './scene.js';

const ATTEMPTS = 40;
const PAUSE_MS = 100;
const OFF_MS = 150;
const START_ATTEMPTS = 3;
/** Of the faults and the settings; the clients count from 0. */
const INJECTOR = -1;

type SettingsAction = Extract<Effect, { on: 'settings' }>['does'];

const REQUESTS: Readonly<Record<SettingsAction, { readonly method: string; readonly path: string; readonly body?: object }>> = {
  token: { method: 'POST', path: '/api/admin/scim-settings/generate-new-token', body: {} },
  'switch on': { method: 'POST', path: '/api/admin/scim-settings', body: { enabled: true } },
  'switch off': { method: 'POST', path: '/api/admin/scim-settings', body: { enabled: false } },
  'delete people': { method: 'DELETE', path: '/api/admin/user-admin/scim-users' },
  'delete groups': { method: 'DELETE', path: '/api/admin/groups/scim-groups' },
};

/** What befalls a soak besides its clients, one after the other: an administrator, the database, the death of a replica. */
export class Faults {
  readonly #scene: Scene;
  /** Of the bootstrap admin. Sessions are in the database, so one is good for both replicas. */
  readonly #cookie: string;
  readonly #injected = new Map<Fault, number>();
  #queue: Promise<void> = Promise.resolve();
  #restart: Promise<void> = Promise.resolve();

  constructor(scene: Scene, cookie: string) {
    this.#scene = scene;
    this.#cookie = cookie;
  }

  get injected(): ReadonlyMap<Fault, number> {
    return this.#injected;
  }

  inject(planned: PlannedFault): void {
    this.#queue = this.#queue.then(() => this.#inject(planned));
    // Whoever waits for them hears of a failure.
    this.#queue.catch(() => undefined);
  }

  /** When everything that was injected has happened, and both replicas are up. */
  async settled(): Promise<void> {
    await this.#queue;
    await this.#restart;
  }

  /** A token that is surely the present one, and SCIM surely on, whatever became of what was cut. */
  async settle(): Promise<void> {
    await this.#insist('token', 0);
    await this.#insist('switch on', 0);
  }

  /** Deletes everything that SCIM manages, and the memory of who is gone. */
  async clear(): Promise<void> {
    await this.#insist('delete groups', 0);
    await this.#insist('delete people', 0);
    await this.#scene.db.query(`DELETE FROM scim_users WHERE state = 'gone'`);
  }

  async #inject({ fault, value }: PlannedFault): Promise<void> {
    this.#injected.set(fault, (this.#injected.get(fault) ?? 0) + 1);
    switch (fault) {
      case 'kill a replica':
        return this.#kill(value);
      case 'end connections':
        return this.#endConnections(value);
      case 'local user':
        return this.#makeLocalUser(value);
      case 'let people in':
        return this.#letPeopleIn();
      case 'new token':
        return this.#rotate(value);
      case 'off and on':
        await this.#insist('switch off', value);
        await sleep(OFF_MS);
        return this.#insist('switch on', value + 1);
      case 'delete people':
      case 'delete groups':
        await this.#attempt(fault, value);
    }
  }

  async #kill(value: number): Promise<void> {
    // One at a time: somebody has to be there for the clients.
    await this.#restart;
    const index = value % 2 === 0 ? 0 : 1;
    const host = this.#scene.replicas[index];
    if (host === undefined) return;
    this.#scene.replicas[index] = undefined;
    await host.kill();
    this.#restart = this.#startAgain().then((started) => {
      this.#scene.replicas[index] = started;
    });
    this.#restart.catch(() => undefined);
  }

  /** A busy machine may take longer than a start is given. */
  async #startAgain(): Promise<Host> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await startHost({ database: this.#scene.db });
      } catch (error) {
        if (attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  /** Some of the connections of the replicas, SCIM's and Unleash's own, whatever they do at the moment. */
  async #endConnections(value: number): Promise<void> {
    await this.#scene.db.query(
      `SELECT pg_terminate_backend(pid) FROM (
         SELECT pid, row_number() OVER (ORDER BY pid) AS place FROM pg_stat_activity
         WHERE datname = current_database() AND application_name IN ('unleash-scim', 'unleash')
           AND (application_name = 'unleash-scim' OR $1 % 3 = 0)) c
       WHERE (place + $1) % 2 = 0`,
      [value],
    );
  }

  /** Whose e-mail is the one of a person, present or to come. */
  async #makeLocalUser(value: number): Promise<void> {
    const picked = this.#scene.pick(value % 2 === 0 ? 0 : 1);
    const place = value % PEOPLE;
    const email = this.#scene.names.email(place, value);
    const body = { name: `Local ${place}`, email, rootRole: 3, sendEmail: false };
    if (picked !== undefined) {
      await this.#scene.sendAsAdmin(picked.host, { method: 'POST', path: '/api/admin/user-admin', body }, this.#cookie);
    }
  }

  /** Sessions, tokens and reset links for everybody who is active; the lock makes a suspension come before or after. */
  async #letPeopleIn(): Promise<void> {
    await this.#scene.db.query(
      `WITH live AS MATERIALIZED (
         SELECT id FROM users WHERE scim_id IS NOT NULL AND deleted_at IS NULL ORDER BY id FOR KEY SHARE),
       s AS (
         INSERT INTO unleash_session (sid, sess, expired)
         SELECT md5(random()::text), jsonb_build_object('user', jsonb_build_object('id', id)), now() + interval '1 day' FROM live),
       p AS (
         INSERT INTO personal_access_tokens (secret, description, user_id, expires_at)
         SELECT md5(random()::text), md5(random()::text), id, now() + interval '1 day' FROM live)
       INSERT INTO reset_tokens (reset_token, user_id, expires_at, created_by)
       SELECT md5(random()::text), id, now() + interval '1 day', 'admin' FROM live`,
    );
  }

  /** A new token, and at once the one before on both replicas. */
  async #rotate(value: number): Promise<void> {
    await this.#insist('token', value);
    await Promise.all(([0, 1] as const).map((replica) => this.#probe(replica, this.#scene.tokens.length - 2)));
  }

  async #probe(replica: 0 | 1, token: number): Promise<void> {
    const host = this.#scene.replicas[replica];
    if (host === undefined) return;
    const id = 'nobody';
    const start = this.#scene.now();
    const answer = await this.#scene.send(host, { method: 'GET', path: `/Users/${id}` }, this.#scene.tokens[token]);
    if (answer === 'refused') return;
    this.#record({ effect: { on: 'person', does: 'read', id }, replica, token, start }, answer);
  }

  async #insist(action: SettingsAction, value: number): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const status = await this.#attempt(action, value + attempt);
      if (status !== undefined && status < 300) return;
      await sleep(PAUSE_MS);
    }
    throw new Error(`the settings did not obey: ${action}`);
  }

  async #attempt(action: SettingsAction, value: number): Promise<number | undefined> {
    const picked = this.#scene.pick(value % 2 === 0 ? 0 : 1);
    if (picked === undefined) return undefined;
    const start = this.#scene.now();
    const answer = await this.#scene.sendAsAdmin(picked.host, REQUESTS[action], this.#cookie);
    if (answer === 'refused') return undefined;
    const token = action === 'token' && answer !== 'cut' ? tokenIn(answer) : null;
    if (token !== null) this.#scene.tokens.push(token);
    const present = this.#scene.tokens.length - 1;
    return this.#record({ effect: { on: 'settings', does: action }, replica: picked.index, token: present, start }, answer)
      .status;
  }

  #record(call: Pick<Call, 'effect' | 'replica' | 'token' | 'start'>, answer: HttpAnswer | 'cut'): Call {
    const isCut = answer === 'cut';
    // In the pages of Unleash something of its own can fail before and after our part.
    const isSettled = !isCut && (call.effect.on !== 'settings' || answer.status < 500);
    const recorded: Call = {
      ...call,
      client: INJECTOR,
      end: isCut ? Number.POSITIVE_INFINITY : this.#scene.now(),
      status: isSettled ? answer.status : undefined,
      retryAfter: !isCut && answer.headers['retry-after'] !== undefined,
      answer: {},
    };
    this.#scene.calls.push(recorded);
    return recorded;
  }
}

/** The bootstrap admin's session. */
export const adminCookie = async (host: Host): Promise<string> => {
  const answer = await fetch(`${host.url}/auth/simple/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: 'unleash4all' }),
  });
  await answer.body?.cancel();
  return answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
};
