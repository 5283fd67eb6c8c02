import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import { ScimError } from '../protocol/errors.js';
import type { ListLimits } from '../protocol/list-query.js';
import { GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { ResourceType } from '../protocol/schema.js';
import type { BulkService } from '../services/bulk-service.js';
import { CURSOR_TIMEOUT } from '../services/cursor-codec.js';
import type { CursorSeal, ListService } from '../services/list-service.js';
import type { ResourceService } from '../services/resource-service.js';
import type { SettingsService } from '../services/settings-service.js';
import type { Gate } from '../stores/settings-store.js';
import { normaliseAddress } from './address.js';
import { readBody } from './body.js';
import { bulkRoute } from './bulk-route.js';
import { discoveryRoutes } from './discovery-routes.js';
import { errorHandler, sendError } from './error-response.js';
import { ListRoutes } from './list-routes.js';
import { validateByContract } from './openapi-validation.js';
import { contextOf } from './request-context.js';
import { standardBody } from './request-quirks.js';
import { handle, resourceRoutes } from './resource-routes.js';

export interface ScimAppOptions {
  readonly people: ResourceService;
  readonly groups: ResourceService;
  readonly lists: ListService;
  readonly bulk: BulkService;
  readonly settings: SettingsService;
  /** The absolute address that ends in `/scim`. */
  readonly baseUrl: string;
  readonly limits: ListLimits;
  /** Bytes. */
  readonly bodyLimit: number;
  /** Settles when the tables are there; SCIM answers 503 until then, and when it rejects. */
  readonly ready: Promise<void>;
  /** The host user who stands for an identity provider in events. */
  readonly systemUserId: number;
  /** The host's own switch besides the setting in the database. */
  isMaintenance(): boolean;
  logError(message: string, error: unknown): void;
}

const TYPES = [USER_RESOURCE_TYPE, GROUP_RESOURCE_TYPE];
/** Operations of one bulk request, and of one PATCH as in the contract. */
const MAX_OPERATIONS = 1000;
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

const bearerToken = (request: Request): string | undefined => /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];

const headers: RequestHandler = (_request, response, next) => {
  response.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
  next();
};

const whenReady = (ready: Promise<void>): RequestHandler => {
  const state = { is: 'waiting' as 'waiting' | 'ready' | 'failed' };
  ready.then(
    () => {
      state.is = 'ready';
    },
    () => {
      state.is = 'failed';
    },
  );
  return (_request, response, next) => {
    if (state.is === 'ready') {
      next();
      return;
    }
    const detail =
      state.is === 'waiting'
        ? 'SCIM is starting: its tables are being made.'
        : 'SCIM could not be prepared; the log of Unleash says why.';
    sendError(response, new ScimError('unavailable', detail));
  };
};

/**
 * RFC 7644 over the services, as an Express application of its own: it has its own body limits, errors and entity tags,
 * and nothing of the host's pages reaches it.
 */
export const createScimApp = (options: ScimAppOptions): Express => {
  const { settings, baseUrl, limits, bodyLimit } = options;
  const app = express();
  // Express would answer with entity tags of the bytes, where ours are versions of the resource.
  app.disable('etag');
  app.disable('x-powered-by');

  const assertAdmitted = async (request: Request, response: Response): Promise<void> => {
    const { gate, refusal } = await settings.admit(bearerToken(request));
    if (refusal === 'unauthorized') {
      throw new ScimError(
        'unauthorized',
        'No valid token was sent. Make one on the SCIM page in the settings of Unleash, and send it as "Authorization: Bearer <token>".',
      );
    }
    if (refusal === 'disabled')
      throw new ScimError(
        'forbidden',
        'SCIM is switched off in the settings of Unleash; an administrator can switch it on there.',
      );
    const reads = READING.has(request.method) || request.path.endsWith('/.search');
    if (!reads && (gate.maintenance || options.isMaintenance())) {
      throw new ScimError('unavailable', 'Unleash is in maintenance mode, so nothing can be changed; reading goes on.');
    }
    response.locals.gate = gate;
  };
  const admit: RequestHandler = (request, response, next) => {
    assertAdmitted(request, response).then(() => next(), next);
  };

  const validate = validateByContract();
  const parse = readBody(bodyLimit);
  const body = [...parse, ...validate];
  const sealOf = (response: Response): CursorSeal => {
    const gate: Gate | undefined = response.locals.gate;
    return { tokenHash: gate?.tokenHash ?? Buffer.alloc(0), now: Date.now() };
  };
  const lists = new ListRoutes({ types: TYPES, lists: options.lists, limits, baseUrl, body, sealOf });
  const routes = {
    baseUrl,
    validate,
    body,
    bodyOf: (part: 'body' | 'patch', type: ResourceType) => [...parse, standardBody(part, type), ...validate],
    contextOf: (request: Request, response: Response) => contextOf(request, response, options.systemUserId),
    sendList: lists.sendList,
  };
  const capabilities = {
    maxResults: limits.maxResults,
    maxPayloadSize: bodyLimit,
    maxOperations: MAX_OPERATIONS,
    defaultPageSize: limits.defaultCount,
    cursorTimeout: CURSOR_TIMEOUT,
  };

  app.use(headers, normaliseAddress, whenReady(options.ready), admit);
  app.use(discoveryRoutes(TYPES, capabilities, baseUrl));
  app.all(
    ['/Me', '/Me/*'],
    handle(() => {
      throw new ScimError('notImplemented', '/Me is not implemented: a provisioning token belongs to no person (RFC 7644 3.11).');
    }),
  );
  app.use(lists.router());
  app.use(bulkRoute({ ...routes, types: TYPES, bulk: options.bulk, maxOperations: MAX_OPERATIONS, logError: options.logError }));
  app.use(resourceRoutes(USER_RESOURCE_TYPE, options.people, routes));
  app.use(resourceRoutes(GROUP_RESOURCE_TYPE, options.groups, routes));
  app.use(
    handle((request) => {
      throw new ScimError(
        'notFound',
        `There is no endpoint ${request.path.slice(0, 200)}; the people are at /Users, the groups at /Groups.`,
      );
    }),
  );
  app.use(errorHandler({ limitBytes: bodyLimit, logError: options.logError }));
  return app;
};
