import { connect } from 'node:net';
import { faultsOfErrorBody, leaksIn, parseJson } from '../conformance/bad-input/judge.js';
import { type Host, TEST_TOKEN } from '../support/host-process.js';
import { frame, isLie } from './hostile-framing.js';
import type { Bent } from './hostile-mutations.js';

/** After so long without a byte nothing more comes: far longer than any statement of these takes. */
const HANG_MS = 20_000;
/** Of a request whose end the server may wait for. */
const SILENCE_MS = 300;

export interface Received {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

/** Whether the server cannot know where the request ends. */
export const liesAbout = ({ framing, headers }: Bent): boolean =>
  isLie(framing) || headers.some(([name]) => /^(transfer-encoding|content-length)$/i.test(name));

/** Writes a request as it is, and takes all that comes back until the server closes the connection. */
export const send = (host: Host, bent: Bent): Promise<Buffer> => {
  const { method, target, headers, body, framing } = bent;
  const { hostname, port, pathname } = new URL(host.scimUrl);
  const [framed, bytes] = body === undefined ? [[], Buffer.alloc(0)] : frame(body, framing);
  const has = (name: string): boolean => headers.some(([other]) => other.toLowerCase() === name);
  const head = [
    `${method} ${pathname}${target} HTTP/1.1`,
    ...(has('host') ? [] : ['Host: localhost']),
    ...(has('authorization') ? [] : [`Authorization: Bearer ${TEST_TOKEN}`]),
    'Connection: close',
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...framed,
  ];
  const mayWait = liesAbout(bent) || has('expect') || has('upgrade');
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const chunks: Buffer[] = [];
    const finish = (): void => {
      socket.destroy();
      resolve(Buffer.concat(chunks));
    };
    socket.setTimeout(mayWait ? SILENCE_MS : HANG_MS, () => {
      if (!mayWait) {
        socket.destroy();
        reject(new Error(`no answer within ${HANG_MS} ms`));
      } else if (socket.writableEnded) finish();
      else socket.end();
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', finish);
    socket.on('end', finish);
    socket.on('connect', () => socket.write(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bytes])));
  });
};

/** Node cuts what has no length into chunks. */
const withoutChunks = (text: string): string => {
  let whole = '';
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, end), 16);
    if (!(size > 0)) return whole;
    whole += text.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
};

/** The first answer in the bytes, interim ones aside; undefined where there is none. */
export const read = (bytes: Buffer): Received | undefined => {
  const text = bytes.toString('latin1').replace(/^HTTP\/1\.1 100 [^\r]*\r\n\r\n/, '');
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, Math.max(0, end)).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) return undefined;
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const),
  );
  const isChunked = headers.get('transfer-encoding') === 'chunked';
  const rest = isChunked ? withoutChunks(text.slice(end + 4)) : text.slice(end + 4);
  const length = Number(headers.get('content-length') ?? rest.length);
  return { status, headers, text: Buffer.from(rest.slice(0, length), 'latin1').toString() };
};

/** What Node answers by itself to what is no HTTP: no word besides the status. */
const isOfNode = ({ status, headers, text }: Received): boolean =>
  [400, 408, 417, 431].includes(status) && text === '' && !headers.has('content-type');

/** What is wrong with the answer to a request, whatever the request was; empty if nothing is. */
export const faultsOfAnswer = ({ method, target, framing, headers }: Bent, answer: Received | undefined): readonly string[] => {
  if (answer === undefined) {
    const mayBeSilent =
      method === 'CONNECT' || isLie(framing) || headers.some(([name]) => /^(transfer-enc|content-len)/i.test(name));
    return mayBeSilent ? [] : ['no answer'];
  }
  if (isOfNode(answer)) return [];
  const { status, text } = answer;
  const faults = [...leaksIn(text, decodeURIComponent(target.replace(/%(?![\da-f]{2})/gi, '%25').replace(/%[89a-f]./gi, '')))];
  if ([429, 503].includes(status) && !answer.headers.has('retry-after')) faults.push(`${status} without Retry-After`);
  if (status >= 500 && status !== 503 && !(status === 501 && /\/Me/i.test(target))) faults.push(`status ${status}`);
  if (status === 401 && !answer.headers.has('www-authenticate')) faults.push('401 without WWW-Authenticate');
  if (method === 'HEAD' || status === 204 || status === 304) return text === '' ? faults : [...faults, `${status} with a body`];
  const type = answer.headers.get('content-type') ?? 'none';
  if (!type.startsWith('application/scim+json')) faults.push(`the media type is ${type}`);
  const body = parseJson(text);
  if (status >= 400) return [...faults, ...faultsOfErrorBody(body, status)];
  return typeof body === 'object' && body !== null ? faults : [...faults, `no JSON: ${text.slice(0, 100)}`];
};
