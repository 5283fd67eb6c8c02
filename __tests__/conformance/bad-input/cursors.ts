import { createHash, randomBytes } from 'node:crypto';
import { type Cursor, listDigest, sealCursor } from '../../../lib/services/cursor-codec.js';
import { TEST_TOKEN } from '../../support/host-process.js';

const TRUE_HASH = createHash('sha256').update(TEST_TOKEN).digest();
const OTHER_HASH = createHash('sha256').update('the token of another day').digest();

const CURSOR: Cursor = { direction: 'after', position: { key: null, id: 0 }, count: 2 };

/** A cursor of the test host, as if it had been made then. */
export const cursorOfPeople = (madeAt: number, cursor: Cursor = CURSOR): string =>
  sealCursor(cursor, listDigest('/Users', undefined, undefined, undefined), TRUE_HASH, madeAt);

const flipped = (cursor: string, at: number): string => {
  const bytes = Buffer.from(cursor, 'base64url');
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return bytes.toString('base64url');
};

/** Cursors that the host did not make for the list of all people, each by its name. */
export const forgedCursors = (): readonly (readonly [name: string, cursor: string])[] => {
  const now = Date.now();
  const good = cursorOfPeople(now);
  const ofList = (...parts: readonly (string | undefined)[]): string => sealCursor(CURSOR, listDigest(...parts), TRUE_HASH, now);
  return [
    ['a word', 'hello'],
    ['a number', '2'],
    ['a blank', ' '],
    ['a NUL character', '\u0000'],
    ['SQL', "' OR 1=1; --"],
    ['JSON', '{"offset":0}'],
    ['JSON in base64', Buffer.from('[0,"after",null,0,1000]').toString('base64url')],
    ['one byte', 'AA'],
    ['as many bytes as a nonce and a tag', Buffer.alloc(28).toString('base64url')],
    ['random bytes', randomBytes(80).toString('base64url')],
    ['6,000 random bytes', randomBytes(6_000).toString('base64url')],
    ['a true one in standard base64 with padding', `${Buffer.from(good, 'base64url').toString('base64')}==`],
    ['a true one with a character more', `${good}A`],
    ['a true one with a dot behind it', `${good}.`],
    ['a true one with a blank behind it', `${good} `],
    ['a true one twice', good + good],
    ['a true one cut short', good.slice(0, -4)],
    ['a true one in capitals', good.toUpperCase()],
    ['a true one with another nonce', flipped(good, 0)],
    ['a true one with another content', flipped(good, 14)],
    ['a true one with another tag', flipped(good, -1)],
    ['one that another token sealed', sealCursor(CURSOR, listDigest('/Users', undefined, undefined, undefined), OTHER_HASH, now)],
    ['one that no token sealed', sealCursor(CURSOR, listDigest('/Users', undefined, undefined, undefined), Buffer.alloc(0), now)],
    ['one of the groups', ofList('/Groups', undefined, undefined, undefined)],
    ['one of everything', ofList('/', undefined, undefined, undefined)],
    ['one of a filter', ofList('/Users', 'userName pr', undefined, undefined)],
    ['one of a sorted list', ofList('/Users', undefined, 'userName', undefined)],
    ['one of a sorted list in the other direction', ofList('/Users', undefined, 'userName', 'descending')],
  ];
};
