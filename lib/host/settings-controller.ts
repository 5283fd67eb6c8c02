import type { Request, Response } from 'express';
import { ADMIN, BadDataError, Controller, type IUnleashConfig } from 'unleash-server';
import type { SettingsService } from '../services/settings-service.js';
import type { Audit } from '../stores/event-sql.js';
import { inHostShape } from './admin-errors.js';

/** What the host's middleware leaves on a request to an admin route. */
interface AdminRequest extends Request {
  readonly audit: { readonly id: number; readonly username: string; readonly ip: string };
}

/** The host's own permission for its authentication settings; not every version exports the name. */
const UPDATE_AUTH_CONFIGURATION = 'UPDATE_AUTH_CONFIGURATION';
const SETTINGS_PERMISSION = [ADMIN, UPDATE_AUTH_CONFIGURATION];

const auditOf = (request: Request): Audit => {
  const { audit } = request as AdminRequest;
  return { createdBy: audit.username, createdByUserId: audit.id, ip: audit.ip };
};

/** The three endpoints that the host's SCIM page calls. */
export class SettingsController extends Controller {
  readonly #settings: SettingsService;
  readonly #logError: (error: unknown) => void;

  constructor(config: IUnleashConfig, settings: SettingsService) {
    super(config);
    this.#settings = settings;
    const logger = config.getLogger('unleash-scim/settings');
    this.#logError = (error) => logger.error('A SCIM setting could not be read or changed', error);
    this.route({ method: 'get', path: '/', permission: SETTINGS_PERMISSION, handler: this.read });
    this.route({ method: 'post', path: '/', permission: SETTINGS_PERMISSION, handler: this.write });
    this.route({
      method: 'post',
      path: '/generate-new-token',
      permission: SETTINGS_PERMISSION,
      // The page sends no body.
      acceptAnyContentType: true,
      handler: this.generateToken,
    });
  }

  async read(_request: Request, response: Response): Promise<void> {
    response.json(await inHostShape(() => this.#settings.read(), this.#logError));
  }

  async write(request: Request, response: Response): Promise<void> {
    const body: unknown = request.body;
    const enabled = typeof body === 'object' && body !== null && 'enabled' in body ? body.enabled : undefined;
    if (typeof enabled !== 'boolean') throw new BadDataError('"enabled" must be true or false');
    const settings = await inHostShape(async () => {
      await this.#settings.setEnabled(enabled, auditOf(request));
      return this.#settings.read();
    }, this.#logError);
    response.json(settings);
  }

  async generateToken(request: Request, response: Response): Promise<void> {
    const token = await inHostShape(() => this.#settings.replaceToken(auditOf(request)), this.#logError);
    response.set('Cache-Control', 'no-store').json({ token });
  }
}

/** In place of the host's own route, which deletes for good, leaves sessions alive and can take the last admin. */
export class ScimPeopleController extends Controller {
  constructor(config: IUnleashConfig, settings: SettingsService) {
    super(config);
    const logger = config.getLogger('unleash-scim/people');
    const handler = async (request: Request, response: Response): Promise<void> => {
      const audit = auditOf(request);
      await inHostShape(
        () => settings.deletePeople(audit.createdByUserId, audit),
        (error) => logger.error('The people of SCIM could not be deleted', error),
      );
      response.status(200).end();
    };
    this.route({ method: 'delete', path: '/', permission: ADMIN, acceptAnyContentType: true, handler });
  }
}

/** The settings page's button that deletes the groups of SCIM. */
export class ScimGroupsController extends Controller {
  constructor(config: IUnleashConfig, settings: SettingsService) {
    super(config);
    const logger = config.getLogger('unleash-scim/groups');
    const handler = async (request: Request, response: Response): Promise<void> => {
      await inHostShape(
        () => settings.deleteGroups(auditOf(request)),
        (error) => logger.error('The groups of SCIM could not be deleted', error),
      );
      response.status(200).end();
    };
    this.route({ method: 'delete', path: '/', permission: ADMIN, acceptAnyContentType: true, handler });
  }
}
