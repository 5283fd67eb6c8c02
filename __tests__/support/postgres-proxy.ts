import { type Line, type LineHandler, startTcpProxy, type TcpProxy } from './tcp-proxy.js';

/**
 * Where a connection breaks: before a statement reaches Postgres; when Postgres has done it and nothing of its answer has come
 * back; in the middle of that answer. `silence`: Postgres has done it, the connection stays, and nothing more is ever heard.
 */
export type Break = 'before' | 'after' | 'amid' | 'silence';

export interface PostgresProxy extends TcpProxy {
  /** Lets the `nth` statement of SCIM's own from now on, the first being 1, meet with a break. */
  arm(nth: number, where: Break): void;
  /** @returns the texts or names of SCIM's statements since it was armed last, the broken one included. */
  disarm(): readonly string[];
}

const STARTUP = 0;
const SIMPLE_QUERY = 0x51;
const SYNC = 0x53;
const READY_FOR_QUERY = 0x5a;
const PASSWORD = 0x70;
const TERMINATE = 0x58;
/** Kind and length. */
const HEADER = 5;
const OWN = "application_name = 'unleash-scim'";

/** Takes whole messages of the protocol of Postgres out of a stream. */
class Messages {
  #rest: Buffer = Buffer.alloc(0);
  #hasKind: boolean;

  /** @param startsUntyped - the first message of a client has no kind. */
  constructor(startsUntyped: boolean) {
    this.#hasKind = !startsUntyped;
  }

  take(bytes: Buffer): readonly { readonly kind: number; readonly bytes: Buffer }[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const taken: { kind: number; bytes: Buffer }[] = [];
    for (;;) {
      const header = this.#hasKind ? HEADER : HEADER - 1;
      if (this.#rest.length < header) return taken;
      const length = this.#rest.readInt32BE(header - 4) + header - 4;
      if (this.#rest.length < length) return taken;
      taken.push({ kind: this.#hasKind ? this.#rest.readUInt8(0) : STARTUP, bytes: this.#rest.subarray(0, length) });
      this.#rest = this.#rest.subarray(length);
      this.#hasKind = true;
    }
  }
}

interface Plan {
  left: number;
  where: Break | undefined;
  readonly seen: string[];
}

/** Follows one connection; a statement is all that a client sends up to a simple query or a Sync. */
class Connection implements LineHandler {
  readonly #plan: Plan;
  readonly #sent = new Messages(true);
  readonly #received = new Messages(false);
  #statement: Buffer[] = [];
  #answer: Buffer[] = [];
  #isOwn = false;
  #breaks: Break | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  fromClient(bytes: Buffer, line: Line): void {
    for (const message of this.#sent.take(bytes)) {
      if ([STARTUP, PASSWORD, TERMINATE].includes(message.kind)) {
        line.server.write(message.bytes);
        continue;
      }
      this.#statement.push(message.bytes);
      if (message.kind !== SIMPLE_QUERY && message.kind !== SYNC) continue;
      const statement = Buffer.concat(this.#statement);
      this.#statement = [];
      if (this.#isOwn) this.#breaks = this.#next(statement);
      else this.#isOwn = statement.includes(OWN);
      if (this.#breaks === 'before') line.cut();
      else line.server.write(statement);
    }
  }

  fromServer(bytes: Buffer, line: Line): void {
    if (this.#breaks === undefined) {
      line.client.write(bytes);
      return;
    }
    for (const message of this.#received.take(bytes)) {
      this.#answer.push(message.bytes);
      // Now Postgres has ended the statement, and committed what is no part of a transaction.
      if (message.kind === READY_FOR_QUERY) this.#break(this.#breaks, line);
    }
  }

  #next(statement: Buffer): Break | undefined {
    const plan = this.#plan;
    if (plan.where === undefined && plan.left === 0) return undefined;
    plan.seen.push(statement.toString('latin1').replace(/[^ -~]+/g, ' '));
    plan.left -= 1;
    if (plan.left !== 0) return undefined;
    const { where } = plan;
    plan.where = undefined;
    return where;
  }

  #break(where: Break, line: Line): void {
    if (where === 'silence') return;
    if (where === 'after') {
      line.cut();
      return;
    }
    const answer = Buffer.concat(this.#answer);
    line.client.write(answer.subarray(0, answer.length >> 1), () => line.cut());
  }
}

/** Sits between a replica and Postgres, which are on 127.0.0.1 without TLS. */
export const startPostgresProxy = async (port: number): Promise<PostgresProxy> => {
  const plan: Plan = { left: 0, where: undefined, seen: [] };
  const proxy = await startTcpProxy(port, () => new Connection(plan));
  return {
    ...proxy,
    arm: (nth, where) => {
      plan.left = nth;
      plan.where = where;
      plan.seen.length = 0;
    },
    disarm: () => {
      const seen = [...plan.seen];
      plan.left = 0;
      plan.where = undefined;
      plan.seen.length = 0;
      return seen;
    },
  };
};
