import type pg from 'pg';
import { fixed } from './bench-result.js';
import { rounded } from './statistics.js';

/** What the statements of our functions are for, by what pg_stat_statements keeps of their text. The first that fits counts. */
const PARTS: readonly (readonly [string, RegExp])[] = [
  ['the token and the switch', /scim_token/],
  [
    'find who and what is meant, and lock it',
    /FROM scim_users p WHERE p\.scim_id|FOR UPDATE OF u|scim_membership|FOR (NO )?KEY (UPDATE|SHARE)/,
  ],
  ['the version of the group', /^UPDATE scim_groups/],
  ['who has ADMIN', /role_permission/],
  ['the root role', /JOIN roles|FROM roles/],
  ['has somebody else the name or the e-mail', /EXISTS \(SELECT (1 )?FROM (users|scim_users)/],
  ['the rows of a new person: the host’s, its role, its event, and ours', /^WITH made/],
  ['the host’s row', /^UPDATE users/],
  ['our row', /^UPDATE scim_users/],
  ['the event', /^INSERT INTO events/],
  ['sessions, tokens and links', /unleash_session/],
  ['groups, for the answer', /json_agg/],
  ['roles and memberships', /role_user|group_user|parked/],
];

/** Triggers and foreign keys, and what a statement of the above calls: in the time of that one already. */
const WITHIN = /FOR KEY SHARE OF x|scim_page_counts|api-token-created|^SELECT g\.id, s\.user_id/;

const REST = 'setting these statements up and ending them, and the functions around them';

/** Microseconds of one call, by operation. */
export interface ProfilePart {
  readonly part: string;
  readonly costs: Readonly<Record<string, number | null>>;
}

interface Tracked {
  readonly query: string;
  readonly toplevel: boolean;
  readonly microseconds: number;
}

/** What the statements inside took since the last look, which it forgets. */
const trackedSince = async (client: pg.Client): Promise<readonly Tracked[]> => {
  const { rows } = await client.query<Tracked>(`SELECT regexp_replace(query, '\\s+', ' ', 'g') AS query, toplevel,
    total_exec_time * 1000 AS microseconds FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'`);
  await client.query('SELECT pg_stat_statements_reset()');
  return rows;
};

const partOf = ({ query }: Tracked): string | undefined =>
  WITHIN.test(query) ? undefined : PARTS.find(([, pattern]) => pattern.test(query))?.[0];

/**
 * Where the time of a call goes, by pg_stat_statements with the statements inside of functions. It costs time itself: shares are
 * to be read, not sums.
 *
 * @param operations - each of them makes `calls` calls.
 */
export const profile = async (
  client: pg.Client,
  operations: Readonly<Record<string, () => Promise<void>>>,
  calls: number,
): Promise<readonly ProfilePart[]> => {
  await client.query(`CREATE EXTENSION pg_stat_statements; SET pg_stat_statements.track = 'all'`);
  const costs = new Map<string, Map<string, number>>();
  for (const [operation, run] of Object.entries(operations)) {
    await trackedSince(client);
    await run();
    let rest = 0;
    for (const tracked of await trackedSince(client)) {
      const cost = tracked.microseconds / calls;
      if (tracked.toplevel) rest += cost;
      const part = tracked.toplevel ? undefined : partOf(tracked);
      if (part === undefined) continue;
      rest -= cost;
      const own = costs.get(part) ?? new Map<string, number>();
      costs.set(part, own.set(operation, (own.get(operation) ?? 0) + cost));
    }
    costs.set(REST, (costs.get(REST) ?? new Map()).set(operation, rest));
  }
  await client.query(`SET pg_stat_statements.track = 'none'`);
  return [...PARTS.map(([part]) => part), REST].flatMap((part) => {
    const own = costs.get(part);
    if (own === undefined) return [];
    return [{ part, costs: Object.fromEntries(Object.keys(operations).map((name) => [name, rounded(own.get(name))])) }];
  });
};

/** As Markdown. */
export const profileTable = (parts: readonly ProfilePart[]): string => {
  const operations = Object.keys(parts[0]?.costs ?? {});
  return [
    `| microseconds, under pg_stat_statements | ${operations.join(' | ')} |`,
    `| --- | ${operations.map(() => '---:').join(' | ')} |`,
    ...parts.map(({ part, costs }) => {
      const cells = operations.map((name) => fixed(costs[name], 0));
      return `| ${part} | ${cells.join(' | ')} |`;
    }),
  ].join('\n');
};
