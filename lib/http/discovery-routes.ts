import type { Request, Router } from 'express';
import type { Document } from '../protocol/document.js';
import { ScimError } from '../protocol/errors.js';
import {
  type Capabilities,
  listResponse,
  resourceTypeResource,
  schemaResource,
  serviceProviderConfig,
} from '../protocol/messages.js';
import type { ResourceType } from '../protocol/schema.js';
import { sendScim } from './answer.js';
import { handle, onlyMethods, readQuery } from './resource-routes.js';

const findBy = (resources: readonly Document[], id: string): Document => {
  const found = resources.find((resource) => String(resource.id).toLowerCase() === id.toLowerCase());
  if (found === undefined) throw new ScimError('notFound', `There is nothing called "${id.slice(0, 200)}" here.`);
  return found;
};

/** RFC 7644 4: "if a filter is provided, the service provider SHOULD respond with 403". */
const refuseFilter = (request: Request): void => {
  if (readQuery(request).filter !== undefined) throw new ScimError('forbidden', 'The discovery endpoints take no filter.');
};

/** What this service provider is and can (RFC 7644 4). */
export const addDiscovery = (
  router: Router,
  types: readonly ResourceType[],
  capabilities: Capabilities,
  baseUrl: string,
): void => {
  const config = serviceProviderConfig(capabilities, baseUrl);
  const collections = {
    ResourceTypes: types.map((type) => resourceTypeResource(type, baseUrl)),
    Schemas: types.flatMap((type) => [type.core, ...type.extensions]).map((schema) => schemaResource(schema, baseUrl)),
  };

  router
    .route(['/ServiceProviderConfig', '/ServiceProviderConfigs'])
    .get(handle((_request, response) => sendScim(response, 200, config)))
    .all(onlyMethods('GET'));

  for (const [name, resources] of Object.entries(collections)) {
    router
      .route(`/${name}`)
      .get(
        handle((request, response) => {
          refuseFilter(request);
          sendScim(response, 200, listResponse(resources, resources.length, { startIndex: 1 }));
        }),
      )
      .all(onlyMethods('GET'));
    router
      .route(`/${name}/:id`)
      .get(handle((request, response) => sendScim(response, 200, findBy(resources, request.params.id ?? ''))))
      .all(onlyMethods('GET'));
  }
};
