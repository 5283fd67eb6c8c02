import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export interface WireRequest {
  readonly method: string;
  /** behind the base address, exactly as it goes on the wire: nothing is encoded or normalised here */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

// Half of Okta's 60 s: an answer that takes longer is close to a repeated request.
const answerWithinMs = 30_000;

const joined = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );

/** One connection pool to one base address. `fetch` would add headers of its own and tidy the path. */
export class WireClient {
  private readonly base: URL;
  private readonly agent: HttpAgent;

  constructor(baseUrl: string) {
    this.base = new URL(baseUrl);
    this.agent = this.base.protocol === 'https:' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  }

  send({ method, path, headers, body }: WireRequest): Promise<WireAnswer> {
    const { protocol, hostname, port, pathname } = this.base;
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const start = protocol === 'https:' ? httpsRequest : httpRequest;
      const outgoing = start({
        method,
        // URL keeps an IPv6 address in brackets; the resolver wants it bare.
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        path: pathname.replace(/\/$/, '') + path,
        headers: { ...length, ...headers },
        agent: this.agent,
        timeout: answerWithinMs,
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${answerWithinMs} ms`)));
      outgoing.on('error', reject);
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: joined(incoming.headers),
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      });
      outgoing.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
