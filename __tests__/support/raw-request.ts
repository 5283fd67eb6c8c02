import { Agent, request } from 'node:http';
import type { Host } from './host-process.js';

export interface RawAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: Record<string, unknown>;
}

export interface RawRequest {
  /** The address that it comes from, such as 127.0.0.2. */
  readonly from?: string;
  /** The whole header; null sends none. */
  readonly authorization: string | null;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks a host by connections of its own that are kept, from whichever address of this machine. */
export class RawSender {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  get(host: Host, { from, authorization, path = '/Users?count=0', headers = {} }: RawRequest): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        `${host.scimUrl}${path}`,
        {
          agent: this.#agent,
          ...(from === undefined ? {} : { localAddress: from }),
          headers: { ...headers, ...(authorization === null ? {} : { authorization }) },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => {
            text += part;
          });
          response.on('end', () => {
            const retryAfter = response.headers['retry-after'];
            resolve({ status: response.statusCode ?? 0, retryAfter, body: text === '' ? {} : JSON.parse(text) });
          });
          response.on('error', reject);
        },
      );
      sent.on('error', reject).end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
