import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a secret scanner can look for. */
const PREFIX = 'unleash_scim_';
const SECRET_BYTES = 32;
const CHECKSUM_LENGTH = 6;
/** Tokens that an operator makes up (INIT_SCIM_TOKEN): shorter ones could be guessed. */
export const MIN_TOKEN_LENGTH = 32;
/** Of what is longer no more than this is read, so that it takes no longer to refuse. */
export const MAX_TOKEN_LENGTH = 512;
/** Of the 43 characters of a secret; the 39 others are 234 bits. */
const SHOWN_CHARACTERS = 4;

const sha256 = (text: string): Buffer => hash('sha256', text, 'buffer');

/** 256 random bits between a prefix and a checksum, by which a mistyped or found token is told from any other text. */
export const createToken = (): string => {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return `${PREFIX}${secret}${sha256(secret).toString('hex').slice(0, CHECKSUM_LENGTH)}`;
};

/** The form in which a token is kept. A longer text is none: what is left of it is longer than any token too. */
export const hashToken = (token: string): Buffer => sha256(token.slice(0, MAX_TOKEN_LENGTH + 1));

/** Of no text that anybody knows. */
const NO_HASH = Buffer.alloc(32);

/** Takes the same time for any wrong token, and where none was sent or none is stored. */
export const tokenMatches = (sent: Buffer, stored: Buffer | null): boolean =>
  timingSafeEqual(sent, stored ?? NO_HASH) && stored !== null;

/** What tokens are told apart by where failures are counted: where one begins, never all of it. */
export const tokenCut = (token: string): string =>
  token.slice(0, token.startsWith(PREFIX) ? PREFIX.length + SHOWN_CHARACTERS : SHOWN_CHARACTERS);

const OWN_FORM = new RegExp(`^${PREFIX}[\\w-]{${MIN_TOKEN_LENGTH},}$`);

/** For the log and for events. Of what was not made here nothing is shown: it may be a password, and a short one. */
export const tokenName = (token: string | undefined): string => {
  if (token === undefined) return 'none';
  return OWN_FORM.test(token) ? `${tokenCut(token)}…` : 'of another form';
};
