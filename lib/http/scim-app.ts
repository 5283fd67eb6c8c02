import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler, type Response } from 'express';
import { ScimError, type ScimErrorKind } from '../protocol/errors.js';
import type { ListLimits } from '../protocol/list-query.js';
import { MAX_PATCH_OPERATIONS } from '../protocol/patch-request.js';
import { GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { ResourceType } from '../protocol/schema.js';
import type { BulkService } from '../services/bulk-service.js';
import { CURSOR_TIMEOUT } from '../services/cursor-codec.js';
import type { ListKey, ListService } from '../services/list-service.js';
import type { ResourceService } from '../services/resource-service.js';
import type { Refusal, SettingsService } from '../services/settings-service.js';
import { AccessEnded } from '../stores/database.js';
import type { Gate } from '../stores/settings-store.js';
import { normaliseAddress } from './address.js';
import { readBody } from './body.js';
import { bulkRoute } from './bulk-route.js';
import { discoveryRoutes } from './discovery-routes.js';
import { errorHandler, sendError } from './error-response.js';
import { ListRoutes } from './list-routes.js';
import { validateByContract } from './openapi-validation.js';
import { accessOf, contextOf, isWriting } from './request-context.js';
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
/** What is answered without a statement of its own, so that the token has to be looked up beforehand. */
const WITHOUT_STATEMENT = /^\/(ServiceProviderConfigs?|ResourceTypes|Schemas|Me|Bulk)(\/|$)/i;

const REFUSALS = {
  unauthorized: [
    'unauthorized',
    'No valid token was sent. Make one on the SCIM page in the settings of Unleash, and send it as "Authorization: Bearer <token>".',
  ],
  disabled: ['forbidden', 'SCIM is switched off in the settings of Unleash; an administrator can switch it on there.'],
  maintenance: ['unavailable', 'Unleash is in maintenance mode, so nothing can be changed; reading goes on.'],
} as const satisfies Record<Refusal, readonly [ScimErrorKind, string]>;

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

  const assertAdmitted = async (request: Request, response: Response, fresh: boolean): Promise<void> => {
    const writes = isWriting(request);
    const { gate, refusal } = await settings.admit(bearerToken(request), { writes, fresh });
    const reason = refusal ?? (writes && options.isMaintenance() ? 'maintenance' : undefined);
    if (reason !== undefined) {
      const [kind, detail] = REFUSALS[reason];
      throw new ScimError(kind, detail);
    }
    response.locals.gate = gate;
  };
  const admit: RequestHandler = (request, response, next) => {
    assertAdmitted(request, response, WITHOUT_STATEMENT.test(request.path)).then(() => next(), next);
  };
  /** A fault that was found before a statement could prove the access is told only to who may know: 401 and 403 come first. */
  const admitBeforeFaults: ErrorRequestHandler = (error: unknown, request, response, next) => {
    if (response.locals.gate === undefined || response.headersSent) {
      next(error);
      return;
    }
    const told =
      error instanceof AccessEnded ? new ScimError('unavailable', 'The settings of SCIM are being changed; try again.') : error;
    assertAdmitted(request, response, true).then(() => next(told), next);
  };

  const validate = validateByContract();
  const parse = readBody(bodyLimit);
  const body = [...parse, ...validate];
  const keyOf = (request: Request, response: Response): ListKey => {
    const gate: Gate | undefined = response.locals.gate;
    return { access: accessOf(request, response), tokenHash: gate?.tokenHash ?? Buffer.alloc(0), now: Date.now() };
  };
  const lists = new ListRoutes({ types: TYPES, lists: options.lists, limits, baseUrl, body, keyOf });
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
    // authentik cuts its PATCHes by the number for bulk requests, so the two are one.
    maxOperations: MAX_PATCH_OPERATIONS,
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
  app.use(
    bulkRoute({ ...routes, types: TYPES, bulk: options.bulk, maxOperations: MAX_PATCH_OPERATIONS, logError: options.logError }),
  );
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
  app.use(admitBeforeFaults);
  app.use(errorHandler({ limitBytes: bodyLimit, logError: options.logError }));
  return app;
};
