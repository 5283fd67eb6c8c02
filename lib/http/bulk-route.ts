import type { Request, RequestHandler, Response, Router } from 'express';
import { readBulk } from '../protocol/bulk.js';
import type { Document } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import { BULK_RESPONSE_URN, etagOf, locationOf } from '../protocol/messages.js';
import type { ResourceType } from '../protocol/schema.js';
import type { BulkOutcome, BulkService } from '../services/bulk-service.js';
import type { RequestContext } from '../services/resource-service.js';
import { AccessEnded } from '../stores/database.js';
import { sendScim } from './answer.js';
import { toAnswer, unforeseenAnswer } from './error-response.js';
import { standardBulk } from './request-quirks.js';
import { handle, onlyMethods } from './resource-routes.js';

export interface BulkRouteOptions {
  readonly types: readonly ResourceType[];
  readonly bulk: BulkService;
  readonly maxOperations: number;
  readonly baseUrl: string;
  readonly body: readonly RequestHandler[];
  contextOf(request: Request, response: Response): RequestContext;
  /** Why a request that was let in may not go on. */
  whyEnded(request: Request, response: Response): Promise<unknown>;
  logError(message: string, error: unknown): void;
}

const STATUS = { created: 201, changed: 200, noContent: 204 } as const;

/** RFC 7644 3.7. */
export const addBulk = (router: Router, options: BulkRouteOptions): void => {
  const { types, bulk, baseUrl } = options;

  const render = (outcome: BulkOutcome, whyEnded: unknown): Document => {
    const { operation, type, id, resource } = outcome;
    const error = outcome.error instanceof AccessEnded ? whyEnded : outcome.error;
    const common: Document = {
      method: operation.method,
      ...(operation.bulkId === undefined ? {} : { bulkId: operation.bulkId }),
      ...(type === undefined || id === undefined ? {} : { location: locationOf(baseUrl, type.endpoint, id) }),
      ...(resource === undefined ? {} : { version: etagOf(resource.version) }),
    };
    if (outcome.status !== 'failed') return { ...common, status: String(STATUS[outcome.status]) };
    if (!(error instanceof ScimError)) options.logError('A SCIM bulk operation failed', error);
    const { status, body } = error instanceof ScimError ? toAnswer(error) : unforeseenAnswer();
    return { ...common, status: String(status), response: { ...body } };
  };

  router
    .route('/Bulk')
    .post(
      ...options.body,
      handle(async (request, response) => {
        const asked = standardBulk(response, readBulk(request.body, types, options.maxOperations));
        const outcomes = await bulk.run(asked, options.contextOf(request, response));
        const hasEnded = outcomes.some(({ error }) => error instanceof AccessEnded);
        const whyEnded = hasEnded ? await options.whyEnded(request, response) : undefined;
        const Operations = outcomes.map((outcome) => render(outcome, whyEnded));
        sendScim(response, 200, { schemas: [BULK_RESPONSE_URN], Operations });
      }),
    )
    .all(onlyMethods('POST'));
};
