import { type ErrorRequestHandler, type NextFunction, type Request, type RequestHandler, type Response, Router } from 'express';
import { ScimError, type ScimErrorKind } from '../protocol/errors.js';
import type { ListLimits } from '../protocol/list-query.js';
import { MAX_PATCH_OPERATIONS } from '../protocol/patch-request.js';
import { GROUP_RESOURCE_TYPE, USER_RESOURCE_TYPE } from '../protocol/resource-schemas.js';
import type { ResourceType } from '../protocol/schema.js';
import type { BulkService } from '../services/bulk-service.js';
import { CURSOR_TIMEOUT } from '../services/cursor-codec.js';
import type { FailedAuthentications } from '../services/failed-authentications.js';
import type { ListKey, ListService } from '../services/list-service.js';
import type { RateLimit } from '../services/rate-limit.js';
import type { ResourceService } from '../services/resource-service.js';
import type { Refusal, SettingsService } from '../services/settings-service.js';
import { AccessEnded } from '../stores/database.js';
import type { Gate } from '../stores/settings-store.js';
import { normaliseAddress } from './address.js';
import { readBody } from './body.js';
import { addBulk } from './bulk-route.js';
import { addDiscovery } from './discovery-routes.js';
import { errorHandler, sendError } from './error-response.js';
import { ListRoutes } from './list-routes.js';
import { networkOf } from './network.js';
import { validateByContract } from './openapi-validation.js';
import { accessOf, contextOf, isWriting } from './request-context.js';
import { standardBody } from './request-quirks.js';
import { addResources, handle } from './resource-routes.js';

export interface ScimHandlerOptions {
  readonly people: ResourceService;
  readonly groups: ResourceService;
  readonly lists: ListService;
  readonly bulk: BulkService;
  readonly settings: SettingsService;
  readonly failures: FailedAuthentications;
  /** Of requests that were let in. */
  readonly rateLimit: RateLimit;
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

const TOO_MANY_FAILURES =
  'No valid token was sent, and there were too many such requests from this address or with a token that begins like this one. The right token is let in all the same: make one on the SCIM page in the settings of Unleash.';
const TOO_MANY_REQUESTS =
  'There were more requests a second than this server takes (the option maxRequestsPerSecond); come again after the seconds in Retry-After.';

const bearerToken = (request: Request): string | undefined => /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];

const NOT_READY = {
  waiting: 'SCIM is starting: its tables are being made.',
  failed: 'SCIM could not be prepared; the log of Unleash says why.',
} as const;

const stateOf = (ready: Promise<void>): { is: 'waiting' | 'ready' | 'failed' } => {
  const state = { is: 'waiting' as 'waiting' | 'ready' | 'failed' };
  ready.then(
    () => {
      state.is = 'ready';
    },
    () => {
      state.is = 'failed';
    },
  );
  return state;
};

/** RFC 7644 over the services, as one handler: nothing of the host's pages reaches what is behind it. */
export const createScimHandler = (options: ScimHandlerOptions): RequestHandler => {
  const { settings, baseUrl, limits, bodyLimit } = options;
  const state = stateOf(options.ready);

  const assertAdmitted = async (request: Request, response: Response, fresh: boolean): Promise<void> => {
    const writes = isWriting(request);
    const token = bearerToken(request);
    const { gate, refusal } = await settings.admit(token, { writes, fresh });
    if (refusal === 'unauthorized') {
      const retryAfterMs = options.failures.add({ address: networkOf(request.socket.remoteAddress), token });
      if (retryAfterMs > 0) throw new ScimError('tooManyRequests', TOO_MANY_FAILURES, { retryAfterMs });
    }
    const reason = refusal ?? (writes && options.isMaintenance() ? 'maintenance' : undefined);
    if (reason !== undefined) {
      const [kind, detail] = REFUSALS[reason];
      throw new ScimError(kind, detail);
    }
    response.locals.gate = gate;
  };
  /** By now the gate may stand open again. */
  const whyEnded = (request: Request, response: Response): Promise<unknown> =>
    assertAdmitted(request, response, true).then(
      () => new ScimError('unavailable', 'The settings of SCIM are being changed; try again.'),
      (error: unknown) => error,
    );
  /** Of nearly every request the gate is known, and there is nothing to wait for. */
  const knownGate = (request: Request): Gate | undefined => {
    if (WITHOUT_STATEMENT.test(request.path) || (isWriting(request) && options.isMaintenance())) return undefined;
    return settings.admitKnown(bearerToken(request));
  };
  const passWithin = (next: NextFunction): void => {
    const retryAfterMs = options.rateLimit.take();
    if (retryAfterMs === 0) next();
    else next(new ScimError('tooManyRequests', TOO_MANY_REQUESTS, { retryAfterMs }));
  };
  const enter: RequestHandler = (request, response, next) => {
    normaliseAddress(request, response);
    if (state.is !== 'ready') {
      sendError(response, new ScimError('unavailable', NOT_READY[state.is]));
      return;
    }
    const gate = knownGate(request);
    if (gate === undefined) {
      assertAdmitted(request, response, WITHOUT_STATEMENT.test(request.path)).then(() => passWithin(next), next);
      return;
    }
    response.locals.gate = gate;
    passWithin(next);
  };
  /** A fault that was found before a statement could prove the access is told only to who may know: 401 and 403 come first. */
  const admitBeforeFaults: ErrorRequestHandler = (error: unknown, request, response, next) => {
    // Where there is no time for more requests, asking the database once more would take more of it.
    const isForLater = error instanceof ScimError && (error.kind === 'unavailable' || error.kind === 'tooManyRequests');
    if (response.locals.gate === undefined || response.headersSent || isForLater) {
      next(error);
      return;
    }
    if (error instanceof AccessEnded) {
      whyEnded(request, response).then(next, next);
      return;
    }
    assertAdmitted(request, response, true).then(() => next(error), next);
  };

  const contract = validateByContract();
  const parse = readBody(bodyLimit);
  const body = [parse, contract.withBody];
  const keyOf = (request: Request, response: Response): ListKey => {
    const gate: Gate | undefined = response.locals.gate;
    return { access: accessOf(request, response), tokenHash: gate?.tokenHash ?? Buffer.alloc(0), now: Date.now() };
  };
  const lists = new ListRoutes({ types: TYPES, lists: options.lists, limits, baseUrl, body, keyOf });
  const routes = {
    baseUrl,
    validate: contract.withoutBody,
    body,
    bodyOf: (part: 'body' | 'patch', type: ResourceType) => [parse, standardBody(part, type), contract.withBody],
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

  // One router, and what is asked most comes first: each request is held against the routes in their order.
  const router = Router();
  router.use(enter);
  for (const [type, service] of [
    [USER_RESOURCE_TYPE, options.people],
    [GROUP_RESOURCE_TYPE, options.groups],
  ] as const) {
    lists.addSearch(router, type);
    addResources(router, type, service, routes);
  }
  lists.addRoot(router);
  addBulk(router, {
    ...routes,
    types: TYPES,
    bulk: options.bulk,
    whyEnded,
    maxOperations: MAX_PATCH_OPERATIONS,
    logError: options.logError,
  });
  addDiscovery(router, TYPES, capabilities, baseUrl);
  router.all(
    ['/Me', '/Me/*'],
    handle(() => {
      throw new ScimError('notImplemented', '/Me is not implemented: a provisioning token belongs to no person (RFC 7644 3.11).');
    }),
  );
  router.use(
    handle((request) => {
      throw new ScimError(
        'notFound',
        `There is no endpoint ${request.path.slice(0, 200)}; the people are at /Users, the groups at /Groups.`,
      );
    }),
  );
  router.use(admitBeforeFaults);
  router.use(errorHandler({ logError: options.logError }));
  return router;
};
