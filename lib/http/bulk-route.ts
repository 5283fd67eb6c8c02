import { type Request, type RequestHandler, type Response, Router } from 'express';
import { readBulk } from '../protocol/bulk.js';
import type { Document } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import { BULK_RESPONSE_URN, etagOf, locationOf } from '../protocol/messages.js';
import type { ResourceType } from '../protocol/schema.js';
import type { BulkOutcome, BulkService } from '../services/bulk-service.js';
import type { RequestContext } from '../services/resource-service.js';
import { sendScim, toAnswer, unforeseenAnswer } from './error-response.js';
import { standardBulk } from './request-quirks.js';
import { handle, onlyMethods } from './resource-routes.js';

export interface BulkRouteOptions {
  readonly types: readonly ResourceType[];
  readonly bulk: BulkService;
  readonly maxOperations: number;
  readonly baseUrl: string;
  readonly body: RequestHandler[];
  contextOf(request: Request, response: Response): RequestContext;
  logError(message: string, error: unknown): void;
}

const STATUS = { created: 201, changed: 200, noContent: 204 } as const;

/** RFC 7644 3.7. */
export const bulkRoute = (options: BulkRouteOptions): Router => {
  const { types, bulk, baseUrl } = options;

  const render = (outcome: BulkOutcome): Document => {
    const { operation, type, id, resource, error } = outcome;
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

  const router = Router();
  router
    .route('/Bulk')
    .post(
      options.body,
      handle(async (request, response) => {
        const asked = standardBulk(response, readBulk(request.body, types, options.maxOperations));
        const outcomes = await bulk.run(asked, options.contextOf(request, response));
        sendScim(response, 200, { schemas: [BULK_RESPONSE_URN], Operations: outcomes.map(render) });
      }),
    )
    .all(onlyMethods('POST'));
  return router;
};
