import type { Application, RequestHandler } from 'express';
import {
  type IUnleashConfig,
  type IUnleashOptions,
  type IUnleashServices,
  type IUnleashStores,
  SYSTEM_USER,
} from 'unleash-server';
import { createScimApp } from '../http/scim-app.js';
import { GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { ResourceType } from '../protocol/schema.js';
import { AdminGuard } from '../services/admin-guard.js';
import { BulkService } from '../services/bulk-service.js';
import { GroupService } from '../services/group-service.js';
import { ListService } from '../services/list-service.js';
import { PersonService } from '../services/person-service.js';
import type { ResourceService } from '../services/resource-service.js';
import { SettingsService } from '../services/settings-service.js';
import { ClaimStore } from '../stores/claim-store.js';
import { type ConnectionPool, Database } from '../stores/database.js';
import { GroupStore } from '../stores/group-store.js';
import { LifecycleStore } from '../stores/lifecycle-store.js';
import { MembershipStore } from '../stores/membership-store.js';
import { migrate } from '../stores/migrations.js';
import { PersonStore } from '../stores/person-store.js';
import { RootStore } from '../stores/root-store.js';
import { RosterStore } from '../stores/roster-store.js';
import { SettingsStore } from '../stores/settings-store.js';
import { mountAdminRoutes } from './admin-routes.js';
import type { KnexLike } from './groups-transactions.js';
import { guardJoining } from './join-guard.js';
import { type ResolvedScimOptions, resolveScimOptions, type ScimOptions } from './scim-options.js';
import { guardSessions } from './session-guard.js';

/** The host types its hooks as `Function`; these are the arguments that it calls them with. */
export type PreHook = (app: Application, config: IUnleashConfig, services: IUnleashServices, db: ConnectionPool) => void;
export type PreRouterHook = (
  app: Application,
  config: IUnleashConfig,
  services: IUnleashServices,
  stores: IUnleashStores,
  db: KnexLike,
) => void;

const BOOTSTRAP_ADMIN = 'admin';

const noop = (): void => undefined;

/** `UNLEASH_URL` plus the base path, unless the URL ends in it already, as is the host's convention; plus `/scim`. */
const scimBaseUrl = ({ server }: IUnleashConfig): string => {
  const url = server.unleashUrl.replace(/\/+$/, '');
  return `${url.endsWith(server.baseUriPath) ? url : url + server.baseUriPath}/scim`;
};

const recoveryAdminsOf = (options: ResolvedScimOptions, config: IUnleashConfig): readonly string[] =>
  options.recoveryAdmins ?? [(config.authentication.initialAdminUser?.username ?? BOOTSTRAP_ADMIN).toLowerCase()];

/** Collapses the slashes of our own addresses before Express looks at them; the host does it later, and for all. */
const plainSlashes = (prefix: string): RequestHandler => {
  const ours = prefix.toLowerCase();
  return (request, _response, next) => {
    const [path = '/', ...query] = request.url.split('?');
    const plain = path.replace(/\/{2,}/g, '/');
    const lower = plain.toLowerCase();
    if (plain !== path && (lower === ours || lower.startsWith(`${ours}/`))) request.url = [plain, ...query].join('?');
    next();
  };
};

interface Core {
  readonly settings: SettingsService;
  readonly guard: AdminGuard;
  readonly lifecycle: LifecycleStore;
  readonly database: Database;
}

/** Builds the plugin for one host and mounts what comes before the host's own middleware. */
const mountScim = (
  app: Application,
  config: IUnleashConfig,
  services: IUnleashServices,
  db: ConnectionPool,
  options: ResolvedScimOptions,
) => {
  const logger = config.getLogger('unleash-scim');
  const database = new Database(db, { prepared: options.preparedStatements });
  const lifecycle = new LifecycleStore();
  const persons = new PersonStore(database);
  const groups = new GroupStore(database);
  const guard = new AdminGuard(lifecycle, { enabled: options.retainAdminAccess });
  const recoveryAdmins = recoveryAdminsOf(options, config);
  const { defaultRootRole } = options;
  const settings = new SettingsService(
    database,
    { settings: new SettingsStore(), persons, groups, lifecycle, roster: new RosterStore() },
    guard,
  );

  const prepare = async (): Promise<void> => {
    const applied = await migrate(database);
    if (applied.length > 0) logger.info(`SCIM migrations applied: ${applied.join(', ')}`);
    if (!(await persons.rootRoleExists(defaultRootRole))) {
      throw new TypeError(`unleash-scim: "defaultRootRole" is "${defaultRootRole}", and Unleash has no such root role`);
    }
    await persons.absorb(database, undefined);
    if (options.initToken !== undefined) {
      await settings.bootstrap(options.initToken, {
        createdBy: 'SCIM (INIT_SCIM_TOKEN)',
        createdByUserId: SYSTEM_USER.id,
        ip: null,
      });
    }
  };
  const ready = prepare();
  ready.catch((error: unknown) => logger.error('SCIM is not available: its tables could not be prepared', error));

  const prefix = `${config.server.baseUriPath}/scim`;
  app.use(plainSlashes(prefix));
  const people = new PersonService(database, { persons, claims: new ClaimStore(), lifecycle }, guard, {
    defaultRootRole,
    recoveryAdmins,
  });
  const groupService = new GroupService(database, groups, new MembershipStore(), guard, { recoveryAdmins });
  const limits = { defaultCount: Math.min(options.defaultPageSize, options.maxPageSize), maxResults: options.maxPageSize };
  const resources = new Map<ResourceType, ResourceService>([
    [USER_RESOURCE_TYPE, people],
    [GROUP_RESOURCE_TYPE, groupService],
  ]);
  app.use(
    prefix,
    createScimApp({
      people,
      groups: groupService,
      lists: new ListService(resources, new RootStore(database), limits),
      bulk: new BulkService(resources),
      settings,
      baseUrl: scimBaseUrl(config),
      limits,
      bodyLimit: options.bodyLimit,
      ready,
      systemUserId: SYSTEM_USER.id,
      isMaintenance: () => config.flagResolver.isEnabled('maintenanceMode'),
      logError: (message, error) => logger.error(message, error),
    }),
  );
  guardJoining(services, settings, ready);
  const core: Core = { settings, guard, lifecycle, database };
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
