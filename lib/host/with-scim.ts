import { setTimeout as sleep } from 'node:timers/promises';
import type { Application, RequestHandler } from 'express';
import {
  type IUnleashConfig,
  type IUnleashOptions,
  type IUnleashServices,
  type IUnleashStores,
  SYSTEM_USER,
} from 'unleash-server';
import { createScimHandler } from '../http/scim-handler.js';
import { ScimError } from '../protocol/errors.js';
import { GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { ResourceType } from '../protocol/schema.js';
import { AdminGuard } from '../services/admin-guard.js';
import { BulkService } from '../services/bulk-service.js';
import { FailedAuthentications } from '../services/failed-authentications.js';
import type { FailureSummary } from '../services/failure-tally.js';
import { GroupService } from '../services/group-service.js';
import { ListService } from '../services/list-service.js';
import { PersonService } from '../services/person-service.js';
import { RateLimit } from '../services/rate-limit.js';
import type { ResourceService } from '../services/resource-service.js';
import { SettingsService } from '../services/settings-service.js';
import { SqlScript } from '../sql/sql.js';
import { ClaimStore } from '../stores/claim-store.js';
import { Database } from '../stores/database.js';
import { GroupCalls } from '../stores/group-calls.js';
import { GroupStore } from '../stores/group-store.js';
import { LifecycleStore } from '../stores/lifecycle-store.js';
import { MembershipStore } from '../stores/membership-store.js';
import { indexHostTables, migrate } from '../stores/migrations.js';
import { PersonCalls } from '../stores/person-calls.js';
import { PersonStore } from '../stores/person-store.js';
import { RootStore } from '../stores/root-store.js';
import { RosterStore } from '../stores/roster-store.js';
import { SettingsStore } from '../stores/settings-store.js';
import { mountAdminRoutes } from './admin-routes.js';
import type { KnexLike } from './groups-transactions.js';
import { guardJoining } from './join-guard.js';
import { type HostPool, OwnConnections } from './own-connections.js';
import { type ResolvedScimOptions, resolveScimOptions, type ScimOptions } from './scim-options.js';
import { guardSessions } from './session-guard.js';
import { guardUsersPages } from './users-pages-guard.js';

/** The host types its hooks as `Function`; these are the arguments that it calls them with. */
export type PreHook = (app: Application, config: IUnleashConfig, services: IUnleashServices, db: HostPool) => void;
export type PreRouterHook = (
  app: Application,
  config: IUnleashConfig,
  services: IUnleashServices,
  stores: IUnleashStores,
  db: KnexLike,
) => void;

/** Where the indexes take longer, as beside a backup, SCIM serves without them. */
const INDEX_PATIENCE_MS = 60_000;
/** A database that is busy or restarts at the start shall not cost SCIM until the next one. */
const PREPARE_ATTEMPTS = 30;
const PREPARE_PAUSE_MS = 2_000;
const BOOTSTRAP_ADMIN = 'admin';

const noop = (): void => undefined;

/** `UNLEASH_URL` plus the base path, unless the URL ends in it already, as is the host's convention; plus `/scim`. */
const scimBaseUrl = ({ server }: IUnleashConfig): string => {
  const url = server.unleashUrl.replace(/\/+$/, '');
  return `${url.endsWith(server.baseUriPath) ? url : url + server.baseUriPath}/scim`;
};

const whenAvailable = async (work: () => Promise<void>, putOff: (error: ScimError) => void): Promise<void> => {
  let told: string | undefined;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      const isPassing = error instanceof ScimError && error.kind === 'unavailable';
      if (!isPassing || attempt === PREPARE_ATTEMPTS) throw error;
      // Once for each reason: there can be very many attempts.
      if (error.detail !== told) putOff(error);
      told = error.detail;
      await sleep(PREPARE_PAUSE_MS, undefined, { ref: false });
    }
  }
};

const recoveryAdminsOf = (options: ResolvedScimOptions, config: IUnleashConfig): readonly string[] =>
  options.recoveryAdmins ?? [(config.authentication.initialAdminUser?.username ?? BOOTSTRAP_ADMIN).toLowerCase()];

/** Collapses the slashes of our own addresses before Express looks at them; the host does it later, and for all. */
const plainSlashes = (prefix: string): RequestHandler => {
  const ours = prefix.toLowerCase();
  return (request, _response, next) => {
    if (!request.url.includes('//')) {
      next();
      return;
    }
    const [path = '/', ...query] = request.url.split('?');
    const plain = path.replace(/\/{2,}/g, '/');
    const lower = plain.toLowerCase();
    if (plain !== path && (lower === ours || lower.startsWith(`${ours}/`))) request.url = [plain, ...query].join('?');
    next();
  };
};

/** One line, in which no name is longer than an address. */
const describeFailures = ({ count, throttled, from, until, addresses, tokens }: FailureSummary): string => {
  const list = ({ largest, others }: FailureSummary['addresses']): string =>
    [...largest.map((each) => `${each.name} (${each.count})`), ...(others > 0 ? [`${others} others`] : [])].join(', ');
  const span = `from ${from.toISOString()} to ${until.toISOString()}`;
  return `SCIM refused ${count} requests without the right token ${span}, ${throttled} of them with 429; addresses: ${list(addresses)}; tokens: ${list(tokens)}`;
};

/** What the host's own pages and logins need. It runs on the host's connections: no sync keeps an administrator waiting. */
interface Core {
  readonly settings: SettingsService;
  readonly guard: AdminGuard;
  readonly database: Database;
}

/** Builds the plugin for one host and mounts what comes before the host's own middleware. */
const mountScim = (
  app: Application,
  config: IUnleashConfig,
  services: IUnleashServices,
  db: HostPool,
  options: ResolvedScimOptions,
) => {
  const logger = config.getLogger('unleash-scim');
  const prepared = options.preparedStatements;
  const connections = new OwnConnections(db, { size: options.poolSize, areSessions: prepared });
  const database = new Database(connections, { prepared });
  const hostDatabase = new Database(db, { prepared });
  const lifecycle = new LifecycleStore();
  const persons = new PersonStore(database);
  const groups = new GroupStore(database);
  const guard = new AdminGuard(lifecycle, { enabled: options.retainAdminAccess });
  const recoveryAdmins = recoveryAdminsOf(options, config);
  const { defaultRootRole } = options;
  const settingsStores = { settings: new SettingsStore(), persons, groups, lifecycle, roster: new RosterStore() };
  const settings = new SettingsService(database, settingsStores, guard);
  const hostSettings = new SettingsService(hostDatabase, settingsStores, guard);

  const logApplied = (names: readonly string[]): void => {
    if (names.length > 0) logger.info(`SCIM migrations applied: ${names.join(', ')}`);
  };
  const indexTables = async (): Promise<void> => {
    try {
      logApplied(await indexHostTables(database, connections));
    } catch (error) {
      logger.error('SCIM works, but without all of its indexes; they are made at the next start', error);
    }
  };
  const prepare = async (): Promise<void> => {
    const { applied, warnings } = await migrate(new Database(connections.unhurried, { prepared }));
    logApplied(applied);
    // As errors, for the host logs nothing less unless it is told to.
    for (const warning of warnings) logger.error(warning);
    await Promise.race([indexTables(), sleep(INDEX_PATIENCE_MS, undefined, { ref: false })]);
    if (!(await persons.rootRoleExists(defaultRootRole))) {
      throw new TypeError(`unleash-scim: "defaultRootRole" is "${defaultRootRole}", and Unleash has no such root role`);
    }
    await database.transaction(async (transaction) => {
      // Who moves here from Unleash Enterprise may bring very many people at once.
      await transaction.query(new SqlScript('SET LOCAL statement_timeout = 0'));
      await persons.absorb(transaction);
    });
    if (options.initToken !== undefined) {
      await settings.bootstrap(options.initToken, {
        createdBy: 'SCIM (INIT_SCIM_TOKEN)',
        createdByUserId: SYSTEM_USER.id,
        ip: null,
      });
    }
  };
  const ready = whenAvailable(prepare, ({ detail, cause }) => {
    logger.error(`SCIM cannot be prepared yet, and is tried again. ${detail}`, cause);
  });
  ready.catch((error: unknown) => logger.error('SCIM is not available: its tables could not be prepared', error));

  const prefix = `${config.server.baseUriPath}/scim`;
  app.use(plainSlashes(prefix));
  const people = new PersonService(
    database,
    { persons, calls: new PersonCalls(database), claims: new ClaimStore(), lifecycle },
    guard,
    {
      defaultRootRole,
      recoveryAdmins,
      baseUrl: scimBaseUrl(config),
    },
  );
  const baseUrl = scimBaseUrl(config);
  const groupService = new GroupService(
    database,
    { groups, calls: new GroupCalls(database), memberships: new MembershipStore() },
    guard,
    {
      recoveryAdmins,
      baseUrl,
    },
  );
  const limits = { defaultCount: Math.min(options.defaultPageSize, options.maxPageSize), maxResults: options.maxPageSize };
  const resources = new Map<ResourceType, ResourceService>([
    [USER_RESOURCE_TYPE, people],
    [GROUP_RESOURCE_TYPE, groupService],
  ]);
  app.use(
    prefix,
    createScimHandler({
      people,
      groups: groupService,
      lists: new ListService(resources, new RootStore(database), limits),
      bulk: new BulkService(resources),
      settings,
      failures: new FailedAuthentications({
        log: (summary) => logger.warn(describeFailures(summary)),
        tell: (summary) => settings.tellFailures(summary, { createdBy: 'SCIM', createdByUserId: SYSTEM_USER.id, ip: null }),
      }),
      rateLimit: new RateLimit({ perSecond: options.maxRequestsPerSecond, burst: options.maxRequestsPerSecond }),
      baseUrl,
      limits,
      bodyLimit: options.bodyLimit,
      ready,
      systemUserId: SYSTEM_USER.id,
      isMaintenance: () => config.flagResolver.isEnabled('maintenanceMode'),
      logError: (message, error) => logger.error(message, error),
    }),
  );
  guardJoining(services, hostSettings, ready);
  if (options.retainAdminAccess) guardUsersPages(services, guard, (message, error) => logger.error(message, error));
  const core: Core = { settings: hostSettings, guard, database: hostDatabase };
  return { core, ready };
};

/**
 * The host's options with SCIM in them, and a promise that settles when SCIM has its tables. Rejections are logged already.
 *
 * @throws {TypeError} naming the option that is unknown or wrong.
 */
export const composeScim = (
  hostOptions: IUnleashOptions,
  scimOptions: ScimOptions = {},
): { readonly options: IUnleashOptions; readonly ready: Promise<void> } => {
  const options = resolveScimOptions(scimOptions);
  const settle: { resolve: () => void; reject: (error: unknown) => void } = { resolve: noop, reject: noop };
  const ready = new Promise<void>((resolve, reject) => {
    settle.resolve = resolve;
    settle.reject = reject;
  });
  ready.catch(noop);
  let core: Core | undefined;

  const preHook: PreHook = (app, config, services, db) => {
    if (config.isEnterprise) {
      const mounted = mountScim(app, config, services, db, options);
      core = mounted.core;
      mounted.ready.then(settle.resolve, settle.reject);
    } else {
      settle.resolve();
    }
    hostOptions.preHook?.(app, config, services, db);
  };

  const preRouterHook: PreRouterHook = (app, config, services, stores, db) => {
    if (core !== undefined) guardSessions(app, config, core.database);
    hostOptions.preRouterHook?.(app, config, services, stores, db);
    if (core !== undefined) mountAdminRoutes(app, config, services, db, { ...core, groupsPages: options.groupsPages });
  };

  return { options: { ...hostOptions, preHook, preRouterHook }, ready };
};

/**
 * Adds SCIM to the options of an Unleash server: `start(withScim({ …host options }, { …SCIM options }))`. Hooks that the
 * options have are kept. Without the host's enterprise flag nothing is mounted and nothing migrated.
 *
 * @throws {TypeError} naming the SCIM option that is unknown or wrong.
 */
export const withScim = (hostOptions: IUnleashOptions, scimOptions: ScimOptions = {}): IUnleashOptions =>
  composeScim(hostOptions, scimOptions).options;
