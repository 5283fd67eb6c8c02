import type { Application } from 'express';
import type { IUnleashConfig, IUnleashServices } from 'unleash-server';
import type { AdminGuard } from '../services/admin-guard.js';
import type { SettingsService } from '../services/settings-service.js';
import { GroupsController } from './groups-controller.js';
import { GroupsTransactions, type KnexLike } from './groups-transactions.js';
import { ScimGroupsController, ScimPeopleController, SettingsController } from './settings-controller.js';

export interface AdminRoutesOptions {
  readonly settings: SettingsService;
  readonly guard: AdminGuard;
  /** Whether to serve the endpoints of the Groups pages. */
  readonly groupsPages: boolean;
}

/** Mounts what the pages of Unleash call, in front of the host's own routes of the same name. */
export const mountAdminRoutes = (
  app: Application,
  config: IUnleashConfig,
  services: IUnleashServices,
  db: KnexLike,
  { settings, guard, groupsPages }: AdminRoutesOptions,
): void => {
  const admin = `${config.server.baseUriPath}/api/admin`;
  app.use(`${admin}/scim-settings`, new SettingsController(config, settings).router);
  app.use(`${admin}/user-admin/scim-users`, new ScimPeopleController(config, settings).router);
  // Before the groups, or `scim-groups` would be the id of one.
  app.use(`${admin}/groups/scim-groups`, new ScimGroupsController(config, settings).router);
  if (groupsPages) {
    const transactions = new GroupsTransactions(db, services, guard);
    app.use(`${admin}/groups`, new GroupsController(config, services, transactions).router);
  }
};
