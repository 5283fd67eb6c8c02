import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { ScimError } from '../protocol/errors.js';
import type { Position } from '../stores/page-sql.js';

/** What a cursor says: the rows next to a position, in one direction, of one list. */
export interface Cursor {
  readonly direction: 'after' | 'before';
  readonly position: Position;
  /** Resources of a page; a cursor is for one size. */
  readonly count: number;
}

/** Seconds. An identity provider that reads page after page needs minutes; advertised as `pagination.cursorTimeout`. */
export const CURSOR_TIMEOUT = 3600;

const IV_BYTES = 12;
const TAG_BYTES = 16;

const keyOf = (tokenHash: Buffer): Buffer => Buffer.from(hkdfSync('sha256', tokenHash, '', 'unleash-scim cursor', 32));

/** Names the list that a cursor belongs to: type, filter and sort. */
export const listDigest = (...parts: readonly (string | undefined)[]): string =>
  createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest('base64url')
    .slice(0, 22);

/** One message, whatever is wrong with a cursor: how it was forged is nobody's business. */
const invalid = (): ScimError =>
  new ScimError('invalidCursor', 'The cursor is not one that this server made for this list; begin again without it.');

/**
 * Cursors are sealed with a key made from the hash of the token, which every replica reads from the database: they need no
 * memory anywhere, live through a restart, and end with the token.
 */
export const sealCursor = (cursor: Cursor, list: string, tokenHash: Buffer, now: number): string => {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keyOf(tokenHash), iv);
  cipher.setAAD(Buffer.from(list));
  const text = JSON.stringify([now, cursor.direction, cursor.position.key, cursor.position.id, cursor.count]);
  return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url');
};

/**
 * @param now milliseconds since 1970.
 * @throws {ScimError} `invalidCursor`, or `expiredCursor` for a true one that is too old.
 */
export const openCursor = (text: string, list: string, tokenHash: Buffer, now: number): Cursor => {
  let fields: unknown;
  try {
    const sealed = Buffer.from(text, 'base64url');
    // Node skips what is no base64url, so a cursor with a stray character would pass for the true one.
    if (sealed.toString('base64url') !== text) throw invalid();
    const decipher = createDecipheriv('aes-256-gcm', keyOf(tokenHash), sealed.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(list));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const plain = Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
    fields = JSON.parse(plain.toString('utf8'));
  } catch {
    throw invalid();
  }
  const [madeAt, direction, key, id, count] = fields as [number, Cursor['direction'], string | null, number, number];
  if (now - madeAt > CURSOR_TIMEOUT * 1000) {
    throw new ScimError('expiredCursor', `The cursor is older than ${CURSOR_TIMEOUT} seconds; begin again without it.`);
  }
  return { direction, position: { key, id }, count };
};
