import type { Request, RequestHandler, Response, Router } from 'express';
import { type ListLimits, type ListParameters, readListQuery, readRootQuery, readSearchRequest } from '../protocol/list-query.js';
import type { Projection } from '../protocol/projection.js';
import { listJson, resourceJson } from '../protocol/resource-json.js';
import type { ResourceType } from '../protocol/schema.js';
import type { ListAnswer, ListKey, ListService } from '../services/list-service.js';
import { sendJson } from './answer.js';
import { standardParameters } from './request-quirks.js';
import { handle, onlyMethods, readQuery } from './resource-routes.js';

export interface ListRoutesOptions {
  readonly types: readonly ResourceType[];
  readonly lists: ListService;
  readonly limits: ListLimits;
  readonly baseUrl: string;
  readonly body: readonly RequestHandler[];
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
      return projection === undefined ? [] : [resourceJson(type, resource, this.#options.baseUrl, projection)];
    });
    sendJson(response, 200, listJson(resources, answer.total, answer.marks));
  }

  /** The search by POST of one type; to be added before the routes of its resources, where `.search` would be an id. */
  addSearch(router: Router, type: ResourceType): void {
    router
      .route(`${type.endpoint}/.search`)
      .post(
        ...this.#options.body,
        handle((request, response) => this.sendList(request, response, type, readSearchRequest(request.body))),
      )
      .all(onlyMethods('POST'));
  }

  /** Lists and searches of all types together. */
  addRoot(router: Router): void {
    router
      .route('/')
      .get(handle((request, response) => this.#sendRoot(request, response, readQuery(request))))
      .all(onlyMethods('GET'));
    router
      .route('/.search')
      .post(
        ...this.#options.body,
        handle((request, response) => this.#sendRoot(request, response, readSearchRequest(request.body))),
      )
      .all(onlyMethods('POST'));
  }
}
