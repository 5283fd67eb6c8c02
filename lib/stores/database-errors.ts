import { setTimeout as sleep } from 'node:timers/promises';
import { ScimError } from '../protocol/errors.js';
import { AccessEnded } from './access.js';

/** Times that something is tried when Postgres says that it lost a race. */
const MAX_ATTEMPTS = 6;
/** Of the first pause at the most; each further one may be twice as long. Whoever lost to the same winner shall not meet again. */
const FIRST_PAUSE_MS = 10;

const errorCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');

/** The connection prepared a statement before an upgrade changed what the statement returns. */
const isChanged = (error: unknown): boolean =>
  errorCode(error) === '0A000' && messageOf(error).startsWith('cached plan must not change');

/** Another session's statements are on the connection: a pooler in transaction mode gave us one that is not ours alone. */
const isShared = (error: unknown): boolean => ['26000', '42P05'].includes(errorCode(error));

/** A table or function of ours is not there: somebody ran down.sql, or a newer version did away with it. */
const isRemoved = (error: unknown): boolean => ['42P01', '42883'].includes(errorCode(error)) && /\bscim_/.test(messageOf(error));

/** Unique indexes, the host's and ours, and the attribute that each one keeps unique. */
const UNIQUE: Readonly<Record<string, string>> = {
  users_email_key: 'The e-mail belongs to another user of Unleash; find them by a filter on emails.value.',
  scim_users_host_email: 'The e-mail belongs to a person whom SCIM has suspended; find them by a filter on emails.value.',
  users_username_key: 'userName belongs to another user of Unleash; find them by a filter on userName.',
  scim_users_user_name_key: 'userName belongs to a person whom SCIM already manages; find them by a filter on userName.',
  scim_users_external_id_key: 'externalId belongs to a person whom SCIM already manages; find them by a filter on externalId.',
  users_scim_external_id_uniq_idx:
    'externalId belongs to a person whom SCIM already manages; find them by a filter on externalId.',
  groups_scim_external_id_uniq_idx: 'externalId belongs to a group that SCIM already manages; find it by a filter on externalId.',
};

const UNREACHABLE =
  'The database of Unleash cannot be reached at the moment. Repeat the request shortly, which is safe even if it was carried out.';

/** What the SQLSTATEs that have nothing to do with the request mean for a client, by their beginnings. */
const PASSING: readonly (readonly [state: string, detail: string])[] = [
  ['57014', 'The database took too long, and nothing was changed; try again later.'],
  ['25P04', 'The database took too long, and nothing was changed; try again later.'],
  ['55P03', 'The database is busy with another change for too long, and nothing was changed; try again later.'],
  [
    '25006',
    'The database of Unleash takes no changes at the moment: it is a standby, or set to read-only. If that lasts, point Unleash at the primary.',
  ],
  [
    '53300',
    'The database of Unleash has no connection left for SCIM; try again shortly. If that lasts, raise its limit or lower poolSize.',
  ],
  ['53', 'The database of Unleash has run out of disk or memory, and nothing was changed; free some, then try again.'],
  ['57P', UNREACHABLE],
  ['25P03', UNREACHABLE],
  ['08', UNREACHABLE],
  ['28', 'Unleash cannot log in to its database at the moment; if that lasts, check the credentials that Unleash has.'],
  ['3D000', 'The database of Unleash does not exist at the moment; if that lasts, check the name that Unleash has.'],
  ['58', 'The database of Unleash cannot use its disk at the moment; its log says why.'],
];

const SOCKET = /^(ECONN|EHOST|ENET|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_AGAIN$)/;
/** Of pg and knex, which have no codes. */
const LOST_CONNECTION =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Unable to acquire a connection|timeout expired)/;

/** Whether the connection cannot be used any more. */
export const isBroken = (error: unknown): boolean =>
  isChanged(error) ||
  isShared(error) ||
  // What is read-only may be the primary that was: the next connection may lead to the new one.
  /^(08|57P|25P03|25P04|25006)/.test(errorCode(error)) ||
  SOCKET.test(errorCode(error)) ||
  LOST_CONNECTION.test(messageOf(error));

const unavailableDetail = (error: unknown): string | undefined => {
  const code = errorCode(error);
  if (isChanged(error)) return UNREACHABLE;
  if (isShared(error)) {
    return 'A pooler in transaction mode stands before the database; SCIM must be started with preparedStatements: false.';
  }
  if (isRemoved(error)) {
    return 'The tables of SCIM were removed, or a newer version of unleash-scim has changed them; restart Unleash with the newest version.';
  }
  const isLost =
    SOCKET.test(code) || LOST_CONNECTION.test(messageOf(error)) || (error instanceof Error && error.name === 'KnexTimeoutError');
  return isLost ? UNREACHABLE : PASSING.find(([state]) => code.startsWith(state))?.[1];
};

const constraintOf = (error: unknown): string =>
  errorCode(error) === '23505' && typeof error === 'object' && error !== null && 'constraint' in error
    ? String(error.constraint)
    : '';

/** Raised by the function `scim_admits`. */
const ACCESS_ENDED = 'SC001';

/** The one place where what Postgres refuses becomes what a client is told. */
export const translate = (error: unknown): unknown => {
  if (errorCode(error) === ACCESS_ENDED) return new AccessEnded('SCIM is closed to this token', { cause: error });
  const unavailable = unavailableDetail(error);
  if (unavailable !== undefined) return new ScimError('unavailable', unavailable, { cause: error });
  const detail = UNIQUE[constraintOf(error)];
  return detail === undefined ? error : new ScimError('uniqueness', detail, { cause: error });
};

/**
 * A serialisation failure, a deadlock, or what was there when it was looked at is gone when it is pointed to (a role, project,
 * group or user that the host deleted): in each case Postgres has undone everything, and another look says what to do now.
 */
const LOST_RACE: ReadonlySet<string> = new Set(['40001', '40P01', '23503']);

/** What a transaction went by is true no more; thrown, it is run again. */
export class LostRace extends Error {
  override readonly name = 'LostRace';
  readonly code = '40001';
}

/**
 * Runs a transaction again when Postgres ends it for a lost race, after a short pause without a connection. Whatever else fails,
 * a connection that broke above all, is not tried again: it may have been carried out.
 *
 * @throws {ScimError} `unavailable` when it goes on to lose.
 */
export const untilWon = async <Result>(transact: () => Promise<Result>): Promise<Result> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transact();
    } catch (error) {
      if (!LOST_RACE.has(errorCode(error))) throw error;
      if (attempt === MAX_ATTEMPTS) {
        throw new ScimError('unavailable', 'Other changes got in the way of this one; nothing was changed, try again.', {
          cause: error,
        });
      }
      await sleep(Math.random() * FIRST_PAUSE_MS * 2 ** (attempt - 1));
    }
  }
};
