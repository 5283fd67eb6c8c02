import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import type { Request } from 'express';
import { ScimError } from '../protocol/errors.js';

/** Whether a request says that it has a body (RFC 9112 6). */
export const announcesBody = ({ headers }: Pick<Request, 'headers'>): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** How long a body may take. */
export interface Patience {
  /** Milliseconds between two looks at what has come; a body of which nothing came in between is given up. */
  readonly lookMs: number;
  /** Looks after which one is given up that still comes, byte by byte. */
  readonly looks: number;
}

/** An identity provider, or the proxy in front, sends what it has. 10 MiB within a minute is 1.4 Mbit/s. */
export const PATIENCE: Patience = { lookMs: 15_000, looks: 4 };

const tooLarge = (limitBytes: number): ScimError =>
  new ScimError('payloadTooLarge', `The body is larger than ${limitBytes} bytes, the limit of this server; send it in parts.`);

const brokenOff = (cause?: unknown): ScimError =>
  new ScimError('invalidSyntax', 'The request broke off within its body.', { cause });

/**
 * All bytes of a body; none where somebody else has read them.
 *
 * @throws {ScimError} `payloadTooLarge` as soon as that is known, `requestTimeout`, or `invalidSyntax` where it breaks off.
 */
export const readBytes = (request: Request, limitBytes: number, { lookMs, looks }: Patience): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > limitBytes) {
      reject(tooLarge(limitBytes));
      return;
    }
    if (request.destroyed || request.readableDidRead) {
      if (request.readableEnded || !request.destroyed) resolve(Buffer.alloc(0));
      else reject(brokenOff());
      return;
    }
    let chunks: Buffer[] = [];
    let isGivenUp = false;
    let received = 0;
    let receivedBefore = 0;
    let looked = 0;
    const giveUp = (error: ScimError): void => {
      clearInterval(timer);
      isGivenUp = true;
      chunks = [];
      reject(error);
    };
    const look = (): void => {
      looked += 1;
      if (received === receivedBefore || looked === looks) {
        giveUp(new ScimError('requestTimeout', 'The body did not come in time; send it again, in parts if it is large.'));
      }
      receivedBefore = received;
    };
    // A process that was held up reads first what has come meanwhile.
    const timer = setInterval(() => setImmediate(look), lookMs);
    // It goes on to listen after an error: a client that still sends can be answered only while somebody reads.
    request.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (isGivenUp) return;
      if (received > limitBytes) giveUp(tooLarge(limitBytes));
      else chunks.push(chunk);
    });
    request.on('end', () => {
      clearInterval(timer);
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    request.on('error', (cause) => giveUp(brokenOff(cause)));
  });

const EXPANDERS: ReadonlyMap<string, (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>> = new Map(
  [
    ['identity', async (bytes: Buffer) => bytes],
    ['gzip', promisify<Buffer, { readonly maxOutputLength: number }, Buffer>(gunzip)],
    ['deflate', promisify<Buffer, { readonly maxOutputLength: number }, Buffer>(inflate)],
  ],
);

/** Undoes a Content-Encoding, before it is known whether there are bytes for it. */
export const expander = (encoding: string, limitBytes: number): ((bytes: Buffer) => Promise<Buffer>) => {
  const expand = EXPANDERS.get(encoding.trim().toLowerCase());
  if (expand === undefined) {
    throw new ScimError('unsupportedMediaType', 'The body must be sent as it is, or with the Content-Encoding gzip or deflate.');
  }
  return async (bytes) => {
    try {
      return await expand(bytes, { maxOutputLength: limitBytes });
    } catch (cause) {
      const isTooLarge = typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
      throw isTooLarge
        ? tooLarge(limitBytes)
        : new ScimError('invalidSyntax', 'The body is not what its Content-Encoding says.', { cause });
    }
  };
};
