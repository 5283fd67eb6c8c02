import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a secret scanner can look for. */
const PREFIX = 'unleash_scim_';
const SECRET_BYTES = 32;
const CHECKSUM_LENGTH = 6;
/** Tokens that an operator makes up (INIT_SCIM_TOKEN): shorter ones could be guessed. */
export const MIN_TOKEN_LENGTH = 32;

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** 256 random bits between a prefix and a checksum, by which a mistyped or found token is told from any other text. */
export const createToken = (): string => {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return `${PREFIX}${secret}${sha256(secret).toString('hex').slice(0, CHECKSUM_LENGTH)}`;
};

/** The form in which a token is kept. */
export const hashToken = (token: string): Buffer => sha256(token);

/** Takes the same time for any wrong token, and where there is none at all. */
export const tokenMatches = (sent: string, stored: Buffer | null): boolean =>
  timingSafeEqual(hashToken(sent), stored ?? hashToken('')) && stored !== null;
