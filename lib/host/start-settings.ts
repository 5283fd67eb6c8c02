import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { MAX_TOKEN_LENGTH, MIN_TOKEN_LENGTH } from '../services/token.js';

const DEFAULT_PORT = 4242;
const DEFAULT_DATA_DIR = './data';

/** A reason not to start that the operator can act on; the message is all there is to say. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

export interface StartSettings {
  readonly port: number;
  readonly httpHost: string | undefined;
  /** Where users find Unleash, base path included, no slash at the end. */
  readonly unleashUrl: string;
  readonly scimUrl: string;
  /** `undefined`: the host is not told to be an Enterprise one, and SCIM stays off. */
  readonly enterpriseVersion: string | undefined;
  readonly initToken: string | undefined;
  /** The embedded database's folder; `undefined` with an external database. */
  readonly dataDir: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

const portOf = (env: Env): number => {
  const text = env.HTTP_PORT || env.PORT;
  if (text === undefined || text === '') return DEFAULT_PORT;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new StartError(`PORT must be a number from 1 to 65535, not "${text}".`);
};

const initTokenOf = ({ INIT_SCIM_TOKEN: token }: Env): string | undefined => {
  if (token === undefined || token === '') return undefined;
  if (token.length < MIN_TOKEN_LENGTH) {
    throw new StartError(`INIT_SCIM_TOKEN must have at least ${MIN_TOKEN_LENGTH} characters; it has ${token.length}.`);
  }
  if (token.length > MAX_TOKEN_LENGTH) {
    throw new StartError(`INIT_SCIM_TOKEN must have at most ${MAX_TOKEN_LENGTH} characters; it has ${token.length}.`);
  }
  if (/\s/.test(token)) throw new StartError('INIT_SCIM_TOKEN must not contain white space.');
  return token;
};

const hostVersion = (): string => {
  try {
    const main = createRequire(import.meta.url).resolve('unleash-server');
    const manifest: unknown = JSON.parse(readFileSync(join(dirname(main), '..', '..', 'package.json'), 'utf8'));
    if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
  } catch (cause) {
    throw new StartError('The package unleash-server is missing: npm install unleash-server.', { cause });
  }
  throw new StartError('The package unleash-server has no version: install it anew.');
};

/**
 * @throws StartError for a setting that cannot work.
 */
export const readSettings = (env: Env): StartSettings => {
  const port = portOf(env);
  const path = (env.BASE_URI_PATH ?? '').replace(/^\/+|\/+$/g, '');
  const basePath = path === '' ? '' : `/${path}`;
  const unleashUrl = (env.UNLEASH_URL || `http://localhost:${port}${basePath}`).replace(/\/+$/, '');
  const isExternal = [env.DATABASE_URL, env.DATABASE_HOST, env.DATABASE_URL_FILE].some(Boolean);
  return {
    port,
    httpHost: env.HTTP_HOST || undefined,
    unleashUrl,
    scimUrl: `${unleashUrl.endsWith(basePath) ? unleashUrl : unleashUrl + basePath}/scim`,
    enterpriseVersion: (env.ENTERPRISE_VERSION ?? hostVersion()) || undefined,
    initToken: initTokenOf(env),
    dataDir: isExternal ? undefined : resolve(env.SCIM_DATA_DIR || DEFAULT_DATA_DIR),
  };
};

/** What the host reads from the environment, where this program's defaults are not the host's. */
export const hostEnvDefaults = ({ unleashUrl }: StartSettings): Readonly<Record<string, string>> => ({
  UNLEASH_URL: unleashUrl,
  CHECK_VERSION: 'false',
  SEND_TELEMETRY: 'false',
});

const NETWORK_FAILURES = ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT'];
/** invalid authorization, wrong password, no such database, too many connections, starting up */
const POSTGRES_REFUSALS = ['28000', '28P01', '3D000', '53300', '57P03'];

/** One line for a failure that the operator can act on, else `undefined`. */
export const explain = (error: unknown, settings: StartSettings | undefined): string | undefined => {
  if (error instanceof StartError) return error.message;
  const { code, syscall, message = '' } = error as NodeJS.ErrnoException;
  if (message.includes('does not support SSL')) {
    return 'The database does not speak TLS, which Unleash asks for by default: set DATABASE_SSL=false if that is fine.';
  }
  if (code === undefined) return undefined;
  if (code === 'EADDRINUSE') return `Port ${settings?.port} is already in use: stop the other program or set PORT.`;
  if (syscall === 'listen') return `Unleash cannot listen on port ${settings?.port} (${code}): set PORT or HTTP_HOST.`;
  if (NETWORK_FAILURES.includes(code) || POSTGRES_REFUSALS.includes(code)) {
    return `The database cannot be reached (${message || code}): check DATABASE_URL or DATABASE_HOST.`;
  }
  return undefined;
};
