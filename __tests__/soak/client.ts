import { setTimeout as sleep } from 'node:timers/promises';
import { answerOf, bulkAnswersOf, etagOf, foundIn } from './answers.js';
import type { Command } from './commands.js';
import { type Answer, type Call, isDone } from './history.js';
import type { HttpAnswer } from './http.js';
import { requestOf, type ScimRequest } from './requests.js';
import type { Scene } from './scene.js';

const BULK_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:BulkRequest';
const REPLICA_DOWN_MS = 50;

interface Sent {
  readonly client: number;
  readonly replica: number;
  readonly token: number;
  readonly start: number;
  readonly end: number;
}

/** Does what its plan says, one command after the other, as an identity provider would. */
export class SoakClient {
  readonly #scene: Scene;
  readonly #number: number;

  constructor(scene: Scene, number: number) {
    this.#scene = scene;
    this.#number = number;
  }

  async perform(command: Command): Promise<void> {
    if (command.action === 'bulk') return this.#performBulk(command);
    const request = requestOf(command, this.#scene.names);
    const sent = await this.#send(command, request);
    if (sent === undefined) return;
    const call = this.#record(request, sent.sent, sent.answer?.status, answerTo(request, sent.answer), retryAfterOf(sent.answer));
    this.#learn(command, call);
    if (call.status === 409 && call.effect.does === 'create') await this.#lookUp(command, request);
  }

  /** Reads one resource by one replica. */
  async read(on: 'person' | 'group', id: string, replica: 0 | 1): Promise<void> {
    const path = `/${on === 'person' ? 'Users' : 'Groups'}/${id}`;
    const request: ScimRequest = { method: 'GET', path, effect: { on, does: 'read', id } };
    const sent = await this.#send({ replica, withOldToken: false }, request);
    if (sent !== undefined) {
      this.#record(request, sent.sent, sent.answer?.status, answerTo(request, sent.answer), retryAfterOf(sent.answer));
    }
  }

  async #performBulk(command: Command): Promise<void> {
    const requests = command.parts.map((part) => requestOf(part, this.#scene.names));
    // A bulk request has no reads, and commands on what is not known become creates or reads.
    const writing = command.parts.flatMap((part, index) => {
      const request = requests[index];
      return request === undefined || request.method === 'GET' ? [] : [{ part, request }];
    });
    if (writing.length === 0) return;
    const Operations = writing.map(({ request: { method, path, body, ifMatch } }, index) => ({
      method,
      path,
      ...(method === 'POST' ? { bulkId: `b${index}` } : {}),
      ...(body === undefined ? {} : { data: body }),
      ...(ifMatch === undefined ? {} : { version: etagOf(ifMatch) }),
    }));
    const sent = await this.#send(command, { method: 'POST', path: '/Bulk', body: { schemas: [BULK_SCHEMA], Operations } });
    if (sent === undefined) return;
    const answers = sent.answer?.status === 200 ? bulkAnswersOf(sent.answer) : [];
    for (const [index, { part, request }] of writing.entries()) {
      const { status, answer } = answers[index] ?? { status: sent.answer?.status, answer: {} };
      // RFC 7644 3.12 has no header for an operation of a bulk request.
      const call = this.#record(
        request,
        sent.sent,
        status,
        answer,
        answers[index] === undefined ? retryAfterOf(sent.answer) : true,
      );
      this.#learn(part, call);
    }
  }

  /** Finds who has the name, as identity providers do. */
  async #lookUp(command: Command, { effect }: ScimRequest): Promise<void> {
    if (effect.does !== 'create') return;
    const [path, filter] =
      effect.on === 'person'
        ? ['/Users', `userName eq "${effect.statement.userName}"`]
        : ['/Groups', `displayName eq "${effect.displayName}"`];
    const sent = await this.#send(
      { replica: command.replica, withOldToken: false },
      { method: 'GET', path: `${path}?filter=${encodeURIComponent(filter)}` },
    );
    if (sent?.answer?.status !== 200) return;
    const answer = answerOf(effect.on, foundIn(sent.answer));
    if (answer.id === undefined) return;
    const read: ScimRequest = { method: 'GET', path, effect: { on: effect.on, does: 'read', id: answer.id } };
    this.#learn(command, this.#record(read, sent.sent, 200, answer, false));
  }

  /** @returns undefined where no replica took it. */
  async #send(
    { replica, withOldToken }: Pick<Command, 'replica' | 'withOldToken'>,
    request: Pick<ScimRequest, 'method' | 'path'> & { readonly body?: object; readonly ifMatch?: number },
  ): Promise<{ readonly sent: Sent; readonly answer: HttpAnswer | undefined } | undefined> {
    const scene = this.#scene;
    const picked = scene.pick(replica);
    if (picked === undefined) {
      await sleep(REPLICA_DOWN_MS);
      return undefined;
    }
    const token = Math.max(0, scene.tokens.length - (withOldToken ? 2 : 1));
    const { ifMatch, ...rest } = request;
    const start = scene.now();
    const answer = await scene.send(
      picked.host,
      ifMatch === undefined ? rest : { ...rest, ifMatch: etagOf(ifMatch) },
      scene.tokens[token],
    );
    if (answer === 'refused') {
      await sleep(REPLICA_DOWN_MS);
      return undefined;
    }
    const end = answer === 'cut' ? Number.POSITIVE_INFINITY : scene.now();
    const sent = { client: this.#number, replica: picked.index, token, start, end };
    return { sent, answer: answer === 'cut' ? undefined : answer };
  }

  #record({ effect, ifMatch }: ScimRequest, sent: Sent, status: number | undefined, answer: Answer, retryAfter: boolean): Call {
    const call: Call = { ...sent, effect, status, answer, retryAfter, ...(ifMatch === undefined ? {} : { ifMatch }) };
    this.#scene.calls.push(call);
    return call;
  }

  #learn({ place }: Command, call: Call): void {
    const { effect, status, answer } = call;
    if (effect.on === 'settings') return;
    const { names } = this.#scene;
    const id = effect.does === 'create' ? answer.id : effect.id;
    if (id === undefined) return;
    if (status === 404 || (isDone(call) && effect.does === 'delete')) names.forget(effect.on, place, id);
    else if (isDone(call)) names.learn(effect.on, place, id, answer.version);
  }
}

const retryAfterOf = (answer: HttpAnswer | undefined): boolean => answer?.headers['retry-after'] !== undefined;

const answerTo = ({ effect }: ScimRequest, answer: HttpAnswer | undefined): Answer =>
  answer === undefined || answer.status >= 300 ? {} : answerOf(effect.on, answer.body);
