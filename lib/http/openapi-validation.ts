import { fileURLToPath } from 'node:url';
import type { RequestHandler } from 'express';
import OpenApiValidator from 'express-openapi-validator';

/** Validates requests by the contract in `openapi/scim.yaml`; the handlers go between the body parser and the route. */
export const validateByContract = (): RequestHandler[] =>
  OpenApiValidator.middleware({
    apiSpec: fileURLToPath(new URL('../../../openapi/scim.yaml', import.meta.url)),
    validateApiSpec: false,
    validateRequests: { allowUnknownQueryParameters: true },
    validateResponses: false,
    validateSecurity: false,
    fileUploader: false,
    ignoreUndocumented: true,
    useRequestUrl: true,
  });
