import { type Request, type RequestHandler, type Response, Router } from 'express';
import { ScimError } from '../protocol/errors.js';
import { type ListParameters, nameParameters } from '../protocol/list-query.js';
import { isStorableText } from '../protocol/match.js';
import { etagOf, locationOf, renderResource, type StoredResource } from '../protocol/messages.js';
import { type Projection, readProjection } from '../protocol/projection.js';
import type { ResourceType } from '../protocol/schema.js';
import { matchesVersion, type RequestContext, type ResourceService } from '../services/resource-service.js';
import { sendScim } from './error-response.js';
import { accessOf } from './request-context.js';
import { standardParameters } from './request-quirks.js';

/** The parameters of a request's query that SCIM knows. */
export const readQuery = (request: Request): ListParameters => {
  const start = request.url.indexOf('?');
  return nameParameters(new URLSearchParams(start < 0 ? '' : request.url.slice(start)));
};

/** Express 4 does not look after the promise of a handler. */
export const handle =
  (work: (request: Request, response: Response) => Promise<void> | void): RequestHandler =>
  (request, response, next) => {
    Promise.resolve()
      .then(() => work(request, response))
      .catch(next);
  };

/** Answers 405 with `Allow` where a path exists and the method does not. */
export const onlyMethods = (...methods: readonly string[]): RequestHandler =>
  handle((request, response) => {
    response.set('Allow', methods.join(', '));
    throw new ScimError('methodNotAllowed', `${request.method} is not possible here; ${methods.join(', ')} are.`);
  });

export interface ResourceRoutesOptions {
  /** The absolute address in front of `/Users`. */
  readonly baseUrl: string;
  /** Reads a body, brings it into standard form and validates it. */
  bodyOf(part: 'body' | 'patch', type: ResourceType): RequestHandler[];
  /** Validates a request without a body. */
  readonly validate: RequestHandler[];
  contextOf(request: Request, response: Response): RequestContext;
  /** Sends a page of one type. */
  sendList(request: Request, response: Response, type: ResourceType, parameters: ListParameters): Promise<void>;
}

/** The routes of one type of resource (RFC 7644 3.3 to 3.6). */
export const resourceRoutes = (type: ResourceType, service: ResourceService, options: ResourceRoutesOptions): Router => {
  const { baseUrl, validate, contextOf } = options;
  const body = options.bodyOf('body', type);
  const router = Router();

  const projectionOf = (request: Request, response: Response): Projection => {
    const query = standardParameters(response, [type], readQuery(request));
    return readProjection(type, query.attributes, query.excludedAttributes);
  };

  const idOf = (request: Request): string => {
    const { id } = request.params;
    if (id === undefined || !isStorableText(id)) throw new ScimError('notFound', `There is no ${type.name} with this id.`);
    return id;
  };

  const send = (request: Request, response: Response, status: number, resource: StoredResource): void => {
    response.set('ETag', etagOf(resource.version));
    response.set('Location', locationOf(baseUrl, type.endpoint, resource.id));
    sendScim(response, status, renderResource(type, resource, baseUrl, projectionOf(request, response)));
  };

  router
    .route(type.endpoint)
    .get(
      validate,
      handle((request, response) => options.sendList(request, response, type, readQuery(request))),
    )
    .post(
      body,
      handle(async (request, response) =>
        send(request, response, 201, await service.create(request.body, contextOf(request, response))),
      ),
    )
    .all(onlyMethods('GET', 'POST'));

  router
    .route(`${type.endpoint}/:id`)
    .get(
      validate,
      handle(async (request, response) => {
        const resource = await service.read(idOf(request), projectionOf(request, response), accessOf(request, response));
        const known = request.headers['if-none-match'];
        if (known !== undefined && matchesVersion(known, resource.version)) {
          response.set('ETag', etagOf(resource.version)).status(304).end();
          return;
        }
        send(request, response, 200, resource);
      }),
    )
    .put(
      body,
      handle(async (request, response) =>
        send(request, response, 200, await service.replace(idOf(request), request.body, contextOf(request, response))),
      ),
    )
    .patch(
      options.bodyOf('patch', type),
      handle(async (request, response) => {
        const resource = await service.modify(idOf(request), request.body, contextOf(request, response));
        if (resource !== undefined) send(request, response, 200, resource);
        // RFC 7644 3.5.2: who asks for attributes is answered with them.
        else if (readQuery(request).attributes !== undefined)
          send(
            request,
            response,
            200,
            await service.read(idOf(request), projectionOf(request, response), accessOf(request, response)),
          );
        else response.status(204).end();
      }),
    )
    .delete(
      validate,
      handle(async (request, response) => {
        await service.delete(idOf(request), contextOf(request, response));
        response.status(204).end();
      }),
    )
    .all(onlyMethods('GET', 'PUT', 'PATCH', 'DELETE'));

  return router;
};
