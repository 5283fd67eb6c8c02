import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** Longer than Postgres lets a statement run. */
const PATIENCE_MS = 75_000;

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined where there is none. */
  readonly body: unknown;
}

const parsed = (text: string): unknown => {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * Sends a request once; node's own client never repeats one.
 *
 * @returns 'refused' where nobody took it, 'cut' where it was taken and no whole answer came.
 */
export const send = ({ method, url, headers, body }: HttpRequest, agent: Agent): Promise<HttpAnswer | 'refused' | 'cut'> =>
  new Promise((resolve) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const sent = request(url, {
      method,
      agent,
      headers: text === undefined ? headers : { ...headers, 'content-length': Buffer.byteLength(text) },
    });
    sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error('no answer')));
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED' ? 'refused' : 'cut'));
    sent.on('response', (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        answer += chunk;
      });
      response.on('close', () =>
        resolve(
          response.complete ? { status: response.statusCode ?? 0, headers: response.headers, body: parsed(answer) } : 'cut',
        ),
      );
    });
    sent.end(text);
  });

export const createAgent = (): Agent => new Agent({ keepAlive: true, maxSockets: 64 });
