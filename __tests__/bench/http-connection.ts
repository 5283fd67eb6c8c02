import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** Empty where it was not asked for. */
  readonly text: string;
}

const PATIENCE_MS = 120_000;
const HEAD_END = Buffer.from('\r\n\r\n');

/** One answer as it comes in. */
class Incoming {
  status = 0;
  readonly #keep: boolean;
  readonly #parts: Buffer[] = [];
  #head: Buffer = Buffer.alloc(0);
  #inBody = false;
  #chunked = false;
  #inTrailer = false;
  #line = '';
  /** Bytes that are still to come, of the body or of its chunk. */
  #left = 0;

  constructor(keep: boolean) {
    this.#keep = keep;
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString('utf8');
  }

  /** @returns whether the answer is complete. */
  take(data: Buffer): boolean {
    if (this.#inBody) return this.#takeBody(data);
    this.#head = this.#head.length === 0 ? data : Buffer.concat([this.#head, data]);
    const end = this.#head.indexOf(HEAD_END);
    if (end < 0) return false;
    const head = this.#head.toString('latin1', 0, end);
    this.status = Number(head.slice(9, 12));
    this.#chunked = /\r\ntransfer-encoding: *chunked/i.test(head);
    this.#left = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    this.#inBody = true;
    return this.#takeBody(this.#head.subarray(end + HEAD_END.length));
  }

  #takeBody(data: Buffer): boolean {
    if (this.#chunked) return this.#takeChunks(data);
    this.#left -= data.length;
    if (this.#keep) this.#parts.push(data);
    return this.#left <= 0;
  }

  #takeChunks(data: Buffer): boolean {
    for (let at = 0; at < data.length; ) {
      if (this.#left > 0) {
        const part = data.subarray(at, at + this.#left);
        if (this.#keep) this.#parts.push(part);
        this.#left -= part.length;
        at += part.length;
        continue;
      }
      const end = data.indexOf(10, at);
      this.#line += data.toString('latin1', at, end < 0 ? data.length : end);
      if (end < 0) return false;
      at = end + 1;
      const line = this.#line.trim();
      this.#line = '';
      if (this.#inTrailer && line === '') return true;
      // An empty line ends the chunk before.
      if (!this.#inTrailer && line !== '') {
        this.#left = Number.parseInt(line, 16);
        this.#inTrailer = this.#left === 0;
      }
    }
    return false;
  }
}

/**
 * HTTP/1.1 over one connection that is kept, one request at a time. Node's own clients spend as much CPU on a request as
 * the server that is measured, on the same cores.
 */
export class HttpConnection {
  readonly #url: URL;
  readonly #headers: string;
  #socket: Socket | undefined;

  /** `url` is the address that paths are appended to. */
  constructor(url: string, headers: Readonly<Record<string, string>>) {
    this.#url = new URL(url);
    this.#headers = Object.entries({ Host: this.#url.host, ...headers })
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
  }

  /** @throws Error when the connection breaks or the answer takes longer than two minutes. */
  async send(request: HttpRequest, keep: boolean): Promise<HttpAnswer> {
    const socket = await this.#connected();
    const { method, path, body } = request;
    const entity =
      body === undefined ? '' : `Content-Type: application/scim+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    const incoming = new Incoming(keep);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        socket.off('data', onData).off('close', onClose);
      };
      const onData = (data: Buffer): void => {
        if (!incoming.take(data)) return;
        settle();
        resolve({ status: incoming.status, text: incoming.text });
      };
      const onClose = (): void => {
        settle();
        reject(new Error(`${method} ${path}: the connection ended before the answer`));
      };
      socket.on('data', onData).once('close', onClose);
      socket.write(`${method} ${this.#url.pathname}${path} HTTP/1.1\r\n${this.#headers}${entity}\r\n${body ?? ''}`);
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #connected(): Promise<Socket> {
    if (this.#socket !== undefined && !this.#socket.destroyed && this.#socket.writable) return this.#socket;
    const socket = connect({ host: this.#url.hostname, port: Number(this.#url.port), noDelay: true });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    await once(socket, 'connect');
    socket.on('error', () => socket.destroy());
    this.#socket = socket;
    return socket;
  }
}
