import { request } from 'node:http';
import type { Database } from '../../support/database.js';
import { type Host, TEST_TOKEN } from '../../support/host-process.js';
import type { Refusal } from './bad-input.js';

const ERROR_URN = 'urn:ietf:params:scim:api:messages:2.0:Error';

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Sends what no client would: nothing is encoded, completed or tidied. */
export const sendRaw = ({ scimUrl }: Host, { method, path, headers = {}, body }: Sent): Promise<Answer> => {
  const { hostname, port, pathname } = new URL(scimUrl);
  const all: Record<string, string | null> = {
    Authorization: `Bearer ${TEST_TOKEN}`,
    ...(body === undefined ? {} : { 'Content-Type': 'application/scim+json', 'Content-Length': String(Buffer.byteLength(body)) }),
    ...headers,
  };
  const kept = Object.entries(all).filter((header): header is [string, string] => header[1] !== null);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path: pathname + path, headers: Object.fromEntries(kept), agent: false });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    outgoing.end(body);
  });
};

const LEAKS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a stack', /\bat [^\n]+:\d+:\d+\)?|node:internal|node_modules|\.[cm]?[jt]s:\d/],
  ['SQL', /\b(SELECT|INSERT|UPDATE|DELETE FROM|FROM users|WHERE|relation "|column "|constraint|syntax error)\b/],
  ['a host path', /(^|[\s"'(])\/(home|opt|root|tmp|usr|var)\//],
  ['the folder of the host', new RegExp(process.cwd().replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))],
  ['the token', new RegExp(TEST_TOKEN, 'i')],
];

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What of the server's inside a text holds, besides what the client sent itself. */
export const leaksIn = (text: string, sent = ''): readonly string[] =>
  LEAKS.flatMap(([what, pattern]) => {
    const [found] = pattern.exec(text) ?? [];
    return found === undefined || sent.includes(found) ? [] : [`the answer holds ${what}: ${text.slice(0, 300)}`];
  });

/** What is wrong with an error of this status as RFC 7644 3.12 has it; empty if nothing is. */
export const faultsOfErrorBody = (body: unknown, status: number): readonly string[] => {
  if (!isRecord(body)) return [`no error object: ${JSON.stringify(body)?.slice(0, 200)}`];
  const { schemas, detail } = body;
  const faults: string[] = [];
  if (JSON.stringify(schemas) !== JSON.stringify([ERROR_URN])) faults.push(`schemas are ${JSON.stringify(schemas)}`);
  if (body.status !== String(status)) faults.push(`status is ${JSON.stringify(body.status)} and not "${status}" (${detail})`);
  if (typeof detail !== 'string' || detail.trim() === '') faults.push('detail is empty');
  const unknown = Object.keys(body).filter((key) => !['schemas', 'status', 'scimType', 'detail'].includes(key));
  if (unknown.length > 0) faults.push(`unknown members ${unknown}`);
  return faults;
};

/** The same, where it is known which failure it must be. */
export const faultsOfError = (body: unknown, { status, scimType }: Refusal): readonly string[] => {
  const faults = [...faultsOfErrorBody(body, status)];
  if (!isRecord(body)) return faults;
  if (body.scimType !== scimType) faults.push(`scimType is ${body.scimType} and not ${scimType} (${body.detail})`);
  return [...faults, ...leaksIn(String(body.detail))];
};

export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** What is wrong with the answer to a bad request; empty if nothing is. */
export const faultsOf = (answer: Answer, refusal: Refusal): readonly string[] => {
  const faults: string[] = [];
  if (answer.status !== refusal.status) faults.push(`answered ${answer.status}, not ${refusal.status}`);
  if (!String(answer.headers['content-type']).startsWith('application/scim+json')) {
    faults.push(`the media type is ${answer.headers['content-type']}`);
  }
  if (refusal.status === 401 && answer.headers['www-authenticate'] === undefined) faults.push('no WWW-Authenticate');
  if (refusal.status === 405 && answer.headers.allow === undefined) faults.push('no Allow');
  return [...faults, ...faultsOfError(parseJson(answer.text), refusal)];
};

const HOST_TABLES = ['users', 'groups', 'group_user', 'role_user', 'events', 'settings'];

/**
 * Everything that SCIM may change, table by table; `announced` of an event is the host's own, who sets it a second later, and a report of
 * failed authentications comes at a time of its own.
 */
export const dump = async (db: Database): Promise<readonly string[]> => {
  const found = await db.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_name LIKE 'scim\\_%' ORDER BY 1`,
  );
  const tables = [...HOST_TABLES, ...found.map(({ name }) => name)];
  const parts = tables.map(
    (name) =>
      `SELECT '${name}' AS name, coalesce(jsonb_agg(to_jsonb(t) - 'announced' ORDER BY t::text), '[]')::text AS rows FROM "${name}" t
       WHERE NOT coalesce(to_jsonb(t) -> 'data' ? 'failedAuthentications', false)`,
  );
  const rows = await db.query<{ name: string; rows: string }>(parts.join(' UNION ALL '));
  return rows.map(({ name, rows }) => `${name} ${rows}`).sort();
};

/** The tables that differ between two dumps. */
export const changedTables = (before: readonly string[], after: readonly string[]): readonly string[] =>
  after.flatMap((table, index) => (table === before[index] ? [] : [table.slice(0, table.indexOf(' '))]));
