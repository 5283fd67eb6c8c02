import type { Database } from '../support/database.js';
import type { Host } from '../support/host-process.js';
import { groupBody, USER_SCHEMA } from '../support/provisioning.js';
import { type HttpAnswer, HttpConnection, type HttpRequest } from './http-connection.js';
import { type CpuReading, type Memory, readCpu, readMemory } from './process-meter.js';

/** Requests at once, at the most. */
export const MAX_CONCURRENCY = 10;

export interface Person {
  readonly id: string;
  /** What their names are made of. */
  readonly number: number;
}

export interface Group {
  readonly id: string;
  readonly name: string;
}

/** The plugin; the floor, on tables of its own; the least that writes the host's own rows. */
export type ServerKind = 'scim' | 'floor' | 'least';

export interface SubjectParts {
  readonly name: string;
  readonly kind: ServerKind;
  readonly host: Host;
  readonly database: Database;
  readonly postgresPid: number;
}

const idIn = (answer: string): string => {
  const id = /"id":"([^"]+)"/.exec(answer)?.[1];
  if (id === undefined) throw new Error(`an answer without an id: ${answer.slice(0, 300)}`);
  return id;
};

/** A server that is measured, with what was provisioned in it. */
export class Subject {
  readonly name: string;
  readonly kind: ServerKind;
  readonly host: Host;
  readonly database: Database;
  readonly people: Person[] = [];
  /** Groups by the number of their members, who are the first people, in order; all of them where there are fewer. */
  readonly groups = new Map<number, Group>();
  /** Groups of a few people. */
  readonly smallGroups: Group[] = [];
  readonly connections: readonly HttpConnection[];
  readonly #postgresPid: number;
  #numbers = 0;
  #editions = 0;
  #groupNumbers = 0;

  constructor({ name, kind, host, database, postgresPid }: SubjectParts) {
    this.name = name;
    this.kind = kind;
    this.host = host;
    this.database = database;
    this.#postgresPid = postgresPid;
    const headers = { Authorization: `Bearer ${host.token}`, Accept: 'application/scim+json' };
    this.connections = Array.from({ length: MAX_CONCURRENCY }, () => new HttpConnection(host.scimUrl, headers));
  }

  /** The number of the next person to be made. */
  nextNumber(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  /** Of a person's name, never used before in this server: a PUT of it is a change. */
  nextEdition(): number {
    this.#editions += 1;
    return this.#editions;
  }

  nextGroupName(): string {
    this.#groupNumbers += 1;
    return `Group ${this.#groupNumbers}`;
  }

  /** The people one after the other, far apart, so that no page of an index is met twice in a row. */
  person(turn: number): Person {
    const person = this.people[(turn * 7919 + 13) % this.people.length];
    if (person === undefined) throw new Error(`${this.name} has no people`);
    return person;
  }

  /** Notes a person by the answer to their creation. */
  created(number: number, answer: string): Person {
    const person = { id: idIn(answer), number };
    this.people.push(person);
    return person;
  }

  async send(request: HttpRequest): Promise<HttpAnswer> {
    const [connection] = this.connections;
    if (connection === undefined) throw new Error('no connection');
    return connection.send(request, true);
  }

  /** Outside of measuring. @throws Error for any other status. */
  async expect(status: number, request: HttpRequest): Promise<string> {
    const answer = await this.send(request);
    if (answer.status === status) return answer.text;
    throw new Error(`${this.name}: ${request.method} ${request.path} gave ${answer.status}: ${answer.text.slice(0, 300)}`);
  }

  async createGroup(members?: readonly string[]): Promise<Group> {
    const name = this.nextGroupName();
    return { name, id: idIn(await this.expect(201, createGroup(name, members))) };
  }

  readCpu(): CpuReading {
    return readCpu(this.host.pid, this.#postgresPid);
  }

  readMemory(): Memory | undefined {
    return readMemory(this.host.pid);
  }

  close(): void {
    for (const connection of this.connections) connection.close();
  }
}

export const userNameOf = (number: number): string => `user${number}@example.com`;
export const externalIdOf = (number: number): string => `external-${number}`;

/** A person as identity providers send them; another `edition` is a change of the name. */
export const personBody = (number: number, edition = 0, active = true): string => {
  const userName = userNameOf(number);
  const [givenName, familyName] = [`Given${number}`, `Family${edition}`];
  return JSON.stringify({
    schemas: [USER_SCHEMA],
    userName,
    externalId: externalIdOf(number),
    name: { givenName, familyName, formatted: `${givenName} ${familyName}` },
    displayName: `${givenName} ${familyName}`,
    emails: [{ value: userName, type: 'work', primary: true }],
    active,
  });
};

export const externalIdOfGroup = (name: string): string => `external ${name}`;

export const createGroup = (name: string, members?: readonly string[]): HttpRequest => ({
  method: 'POST',
  path: '/Groups',
  body: JSON.stringify({ ...groupBody(name, members), externalId: externalIdOfGroup(name) }),
});
