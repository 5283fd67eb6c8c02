import type { Application } from 'express';
import type { IUnleashConfig, IUnleashServices } from 'unleash-server';
import type { SettingsService } from '../services/settings-service.js';
import type { ConnectionPool } from '../stores/database.js';

export interface AdminRoutesOptions {
  readonly settings: SettingsService;
  /** Whether to serve the endpoints of the Groups pages. */
  readonly groupsPages: boolean;
}

export const mountAdminRoutes = (
  _app: Application,
  _config: IUnleashConfig,
  _services: IUnleashServices,
  _db: ConnectionPool,
  _options: AdminRoutesOptions,
): void => undefined;
