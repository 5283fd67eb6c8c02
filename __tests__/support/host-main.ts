import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { IUnleashOptions } from 'unleash-server';
import type { HostMainOptions } from './host-process.js';

/** The real host as a process of its own: it cannot be loaded inside jest's VM, which lacks require(esm). */

// The test run may be killed: without it this process has no use.
process.on('disconnect', () => process.exit(1));

if (process.env.HOST_PACKAGE !== undefined) register('./host-package-hook.js', import.meta.url);

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Later options win; sections such as `server` are merged key by key. */
const merge = (...all: readonly IUnleashOptions[]): IUnleashOptions => {
  const merged: Record<string, unknown> = {};
  for (const [key, value] of all.flatMap((options) => Object.entries(options))) {
    const before = merged[key];
    merged[key] = isPlain(before) && isPlain(value) ? { ...before, ...value } : value;
  }
  return merged;
};

const optionsOfModule = async (path: string | undefined): Promise<IUnleashOptions> => {
  if (path === undefined) return {};
  const module: { readonly hostOptions: IUnleashOptions } = await import(pathToFileURL(path).href);
  return module.hostOptions;
};

const { IAuthType, LogLevel, start } = await import('unleash-server');
const { withScim } = await import('../../lib/index.js');

const { hostOptions, scimOptions }: HostMainOptions = JSON.parse(process.env.HOST_MAIN_OPTIONS ?? '{}');
const { modulePath, ...given } = hostOptions;
const unlimited = 1_000_000;

const defaults: IUnleashOptions = {
  logLevel: LogLevel.error,
  enterpriseVersion: '8.2.0',
  authentication: { type: IAuthType.OPEN_SOURCE },
  versionCheck: { enable: false },
  db: { ssl: false, pool: { min: 0, max: 6 } },
  server: { secret: 'the-same-in-every-test', gracefulShutdownTimeout: 200 },
  rateLimiting: {
    createUserMaxPerMinute: unlimited,
    authenticationMaxPerMinute: unlimited,
    simpleLoginMaxPerMinute: unlimited,
    passwordResetMaxPerMinute: unlimited,
  },
};

await start(withScim(merge(defaults, await optionsOfModule(modulePath), given), scimOptions));
process.send?.('listening');
