import type { Request, RequestHandler, Response, Router } from 'express';
import { ScimError } from '../protocol/errors.js';
import { type ListParameters, nameParameters } from '../protocol/list-query.js';
import { isStorableText } from '../protocol/match.js';
import { etagOf, locationOf, type StoredResource } from '../protocol/messages.js';
import { type Projection, readProjection, WHOLE } from '../protocol/projection.js';
import { resourceJson } from '../protocol/resource-json.js';
import type { ResourceType } from '../protocol/schema.js';
import { matchesVersion, type RequestContext, type ResourceService } from '../services/resource-service.js';
import { sendEmpty, sendJson } from './answer.js';
import { accessOf } from './request-context.js';
import { standardParameters } from './request-quirks.js';

const NO_PARAMETERS: ListParameters = {};

/** The parameters of a request's query that SCIM knows. */
export const readQuery = (request: Request): ListParameters => {
  const start = request.url.indexOf('?');
  return start < 0 ? NO_PARAMETERS : nameParameters(new URLSearchParams(request.url.slice(start)));
};

/** Express 4 does not look after the promise of a handler. */
export const handle =
  (work: (request: Request, response: Response) => Promise<void> | void): RequestHandler =>
  (request, response, next) => {
    work(request, response)?.catch(next);
  };

/** Answers 405 with `Allow` where a path exists and the method does not. */
export const onlyMethods = (...methods: readonly string[]): RequestHandler =>
  handle((request, response) => {
    response.setHeader('Allow', methods.join(', '));
    throw new ScimError('methodNotAllowed', `${request.method} is not possible here; ${methods.join(', ')} are.`);
  });

export interface ResourceRoutesOptions {
  /** The absolute address in front of `/Users`. */
  readonly baseUrl: string;
  /** Reads a body, brings it into standard form and validates it. */
  bodyOf(part: 'body' | 'patch', type: ResourceType): readonly RequestHandler[];
  /** Validates a request without a body. */
  readonly validate: RequestHandler;
  contextOf(request: Request, response: Response): RequestContext;
  /** Sends a page of one type. */
  sendList(request: Request, response: Response, type: ResourceType, parameters: ListParameters): Promise<void>;
}

/** Adds the routes of one type of resource (RFC 7644 3.3 to 3.6). */
export const addResources = (
  router: Router,
  type: ResourceType,
  service: ResourceService,
  options: ResourceRoutesOptions,
): void => {
  const { baseUrl, validate, contextOf } = options;
  const body = options.bodyOf('body', type);

  const projectionOf = (request: Request, response: Response): Projection => {
    const sent = readQuery(request);
    if (sent === NO_PARAMETERS) return WHOLE;
    const query = standardParameters(response, [type], sent);
    return readProjection(type, query.attributes, query.excludedAttributes);
  };

  const idOf = (request: Request): string => {
    const { id } = request.params;
    if (id === undefined || !isStorableText(id)) throw new ScimError('notFound', `There is no ${type.name} with this id.`);
    return id;
  };

  const send = (response: Response, status: number, resource: StoredResource, projection: Projection): void => {
    response.setHeader('ETag', etagOf(resource.version));
    response.setHeader('Location', locationOf(baseUrl, type.endpoint, resource.id));
    sendJson(response, status, resourceJson(type, resource, baseUrl, projection));
  };

  router
    .route(type.endpoint)
    .get(
      validate,
      handle((request, response) => options.sendList(request, response, type, readQuery(request))),
    )
    .post(
      ...body,
      handle(async (request, response) => {
        const resource = await service.create(request.body, contextOf(request, response));
        send(response, 201, resource, projectionOf(request, response));
      }),
    )
    .all(onlyMethods('GET', 'POST'));

  router
    .route(`${type.endpoint}/:id`)
    .get(
      validate,
      handle(async (request, response) => {
        const projection = projectionOf(request, response);
        const resource = await service.read(idOf(request), projection, accessOf(request, response));
        const known = request.headers['if-none-match'];
        if (known !== undefined && matchesVersion(known, resource.version)) {
          response.setHeader('ETag', etagOf(resource.version));
          sendEmpty(response, 304);
          return;
        }
        send(response, 200, resource, projection);
      }),
    )
    .put(
      ...body,
      handle(async (request, response) => {
        const resource = await service.replace(idOf(request), request.body, contextOf(request, response));
        send(response, 200, resource, projectionOf(request, response));
      }),
    )
    .patch(
      ...options.bodyOf('patch', type),
      handle(async (request, response) => {
        const id = idOf(request);
        const changed = await service.modify(id, request.body, contextOf(request, response));
        // RFC 7644 3.5.2: who asks for attributes is answered with them.
        if (changed === undefined && readQuery(request).attributes === undefined) {
          sendEmpty(response, 204);
          return;
        }
        const projection = projectionOf(request, response);
        const resource = changed ?? (await service.read(id, projection, accessOf(request, response)));
        send(response, 200, resource, projection);
      }),
    )
    .delete(
      validate,
      handle(async (request, response) => {
        await service.delete(idOf(request), contextOf(request, response));
        sendEmpty(response, 204);
      }),
    )
    .all(onlyMethods('GET', 'PUT', 'PATCH', 'DELETE'));
};
