import { fileURLToPath } from 'node:url';
import type { Request, RequestHandler } from 'express';
import OpenApiValidator from 'express-openapi-validator';
import { SCIM_MEDIA_TYPE } from './answer.js';

/** What the library reads of a request, and writes on it. */
interface Shown {
  readonly method: string;
  readonly url: string;
  readonly originalUrl: string;
  readonly path: string;
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly app: object;
  readonly body: unknown;
  query: object;
  params: object;
  /** The operation of the document; undefined where it has none for the request. */
  openapi: object | undefined;
}

/** Stands for the application, which the library asks how addresses are compared, and tells of path parameters. */
const APP = { enabled: () => false, param: () => undefined };

const show = (
  request: Pick<Request, 'method' | 'path' | 'originalUrl' | 'query' | 'params' | 'body'>,
  headers: Shown['headers'],
  openapi: Shown['openapi'],
): Shown => ({
  method: request.method,
  url: request.path,
  originalUrl: request.originalUrl,
  path: request.path,
  baseUrl: '',
  headers,
  app: APP,
  body: request.body,
  query: { ...request.query },
  params: { ...request.params },
  openapi,
});

type Step = (request: Shown, response: object, next: (error?: unknown) => void) => unknown;

const done = (step: Step, shown: Shown): Promise<void> =>
  new Promise((resolve, reject) => {
    step(shown, {}, (error) => (error === undefined ? resolve() : reject(error)));
  });

/** How the library reads the contract, and what of a request it looks at. */
export const CONTRACT = {
  apiSpec: fileURLToPath(new URL('../../../openapi/scim.yaml', import.meta.url)),
  validateApiSpec: false,
  validateRequests: { allowUnknownQueryParameters: true },
  validateResponses: false,
  validateSecurity: false,
  fileUploader: false,
  ignoreUndocumented: true,
  useRequestUrl: true,
} as const;

const readSteps = (): { readonly steps: readonly Step[]; readonly validate: Step } => {
  // The types of the library want a whole request; `Shown` is what it touches.
  const steps = OpenApiValidator.middleware(CONTRACT) as unknown as readonly Step[];
  const validate = steps.at(-1);
  if (validate === undefined) throw new Error('express-openapi-validator gave no middleware');
  return { steps, validate };
};

/** The one parameter whose characters the contract restricts; of the others it says that each is one string. */
const RESTRICTED_PARAMETER = 'sortOrder';

/** Whether the contract could find a fault in the query. */
const isQuestionable = (query: Request['query']): boolean => {
  for (const name of Object.keys(query)) {
    if (typeof query[name] !== 'string' || name === RESTRICTED_PARAMETER) return true;
  }
  return false;
};

/** Validate requests by the contract in `openapi/scim.yaml`; they go in front of a route's handler. */
export interface ContractHandlers {
  readonly withoutBody: RequestHandler;
  /** Behind the body parser. */
  readonly withBody: RequestHandler;
}

/**
 * The library would look for the operation anew in each request, among all routes of the document, though Express has found the
 * route; so each route is looked up once, with its first request, and the step that validates is all that the others go through.
 * It is shown an object of its own: the library writes on what it reads, and a Node request that is written on is a slow one.
 */
export const validateByContract = (): ContractHandlers => {
  const { steps, validate } = readSteps();
  const operations = new Map<string, Promise<object | undefined>>();

  const lookUp = async (method: string, route: string): Promise<object | undefined> => {
    const url = route.replace(/:\w+/g, 'x');
    const asked = show({ method, path: url, originalUrl: url, query: {}, params: {}, body: undefined }, {}, undefined);
    for (const step of steps.slice(0, -1)) await done(step, asked);
    return asked.openapi;
  };

  const check = async (request: Request, headers: Shown['headers']): Promise<void> => {
    const route = String(request.route.path);
    const key = `${request.method} ${route}`;
    let looked = operations.get(key);
    if (looked === undefined) {
      looked = lookUp(request.method, route);
      operations.set(key, looked);
    }
    const operation = await looked;
    if (operation === undefined) return;
    await done(validate, show(request, headers, { ...operation, pathParams: { ...request.params } }));
  };

  return {
    withoutBody: (request, _response, next) => {
      if (isQuestionable(request.query)) check(request, {}).then(() => next(), next);
      else next();
    },
    withBody: (request, _response, next) => {
      check(request, { 'content-type': SCIM_MEDIA_TYPE }).then(() => next(), next);
    },
  };
};
