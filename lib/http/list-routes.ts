import { type Request, type RequestHandler, type Response, Router } from 'express';
import { type ListLimits, type ListParameters, readListQuery, readRootQuery, readSearchRequest } from '../protocol/list-query.js';
import { listResponse, renderResource } from '../protocol/messages.js';
import type { Projection } from '../protocol/projection.js';
import type { ResourceType } from '../protocol/schema.js';
import type { ListAnswer, ListKey, ListService } from '../services/list-service.js';
import { sendScim } from './error-response.js';
import { standardParameters } from './request-quirks.js';
import { handle, onlyMethods, readQuery } from './resource-routes.js';

export interface ListRoutesOptions {
  readonly types: readonly ResourceType[];
  readonly lists: ListService;
  readonly limits: ListLimits;
  readonly baseUrl: string;
  readonly body: RequestHandler[];
  keyOf(request: Request, response: Response): ListKey;
}

/** Lists of one type, and the search endpoints (RFC 7644 3.4.2, 3.4.3). */
export class ListRoutes {
  readonly #options: ListRoutesOptions;

  constructor(options: ListRoutesOptions) {
    this.#options = options;
  }

  sendList = async (request: Request, response: Response, type: ResourceType, sent: ListParameters): Promise<void> => {
    const { lists, limits, keyOf } = this.#options;
    const parameters = standardParameters(response, [type], sent);
    const query = readListQuery(type, parameters, limits);
    this.#send(
      response,
      await lists.list(type, query, parameters, keyOf(request, response)),
      new Map([[type, query.projection]]),
    );
  };

  async #sendRoot(request: Request, response: Response, sent: ListParameters): Promise<void> {
    const { lists, limits, types, keyOf } = this.#options;
    const parameters = standardParameters(response, types, sent);
    const query = readRootQuery(types, parameters, limits);
    const answer = await lists.listRoot(query, parameters, keyOf(request, response));
    const projections = types.flatMap((type, index) => {
      const projection = query.types[index]?.projection;
      return projection === undefined ? [] : [[type, projection] as const];
    });
    this.#send(response, answer, new Map(projections));
  }

  #send(response: Response, answer: ListAnswer, projections: ReadonlyMap<ResourceType, Projection>): void {
    const resources = answer.resources.flatMap(({ type, resource }) => {
      const projection = projections.get(type);
      return projection === undefined ? [] : [renderResource(type, resource, this.#options.baseUrl, projection)];
    });
    sendScim(response, 200, listResponse(resources, answer.total, answer.marks));
  }

  /** To be mounted before the routes of resources, where `.search` would be an id. */
  router(): Router {
    const { types, body } = this.#options;
    const router = Router();
    router
      .route('/')
      .get(handle((request, response) => this.#sendRoot(request, response, readQuery(request))))
      .all(onlyMethods('GET'));
    router
      .route('/.search')
      .post(
        body,
        handle((request, response) => this.#sendRoot(request, response, readSearchRequest(request.body))),
      )
      .all(onlyMethods('POST'));
    for (const type of types) {
      router
        .route(`${type.endpoint}/.search`)
        .post(
          body,
          handle((request, response) => this.sendList(request, response, type, readSearchRequest(request.body))),
        )
        .all(onlyMethods('POST'));
    }
    return router;
  }
}
