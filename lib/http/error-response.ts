import type { ErrorRequestHandler, Response } from 'express';
import { ScimError, type ScimErrorKind } from '../protocol/errors.js';
import { errorResponse } from '../protocol/messages.js';

export const SCIM_MEDIA_TYPE = 'application/scim+json';

/** RFC 7644 3.12, table 8 and 9: the status of each kind, and whether its name is a scimType. */
const ANSWERS: Readonly<Record<ScimErrorKind, { readonly status: number; readonly isScimType: boolean }>> = {
  invalidFilter: { status: 400, isScimType: true },
  tooMany: { status: 400, isScimType: true },
  uniqueness: { status: 409, isScimType: true },
  mutability: { status: 400, isScimType: true },
  invalidSyntax: { status: 400, isScimType: true },
  invalidPath: { status: 400, isScimType: true },
  noTarget: { status: 400, isScimType: true },
  invalidValue: { status: 400, isScimType: true },
  sensitive: { status: 403, isScimType: true },
  invalidCursor: { status: 400, isScimType: true },
  expiredCursor: { status: 400, isScimType: true },
  invalidCount: { status: 400, isScimType: true },
  unauthorized: { status: 401, isScimType: false },
  forbidden: { status: 403, isScimType: false },
  notFound: { status: 404, isScimType: false },
  methodNotAllowed: { status: 405, isScimType: false },
  conflict: { status: 409, isScimType: false },
  preconditionFailed: { status: 412, isScimType: false },
  payloadTooLarge: { status: 413, isScimType: false },
  unsupportedMediaType: { status: 415, isScimType: false },
  notImplemented: { status: 501, isScimType: false },
  unavailable: { status: 503, isScimType: false },
};

/** Seconds. What is unavailable here (a migration, a lost race, a database that restarts) is over soon. */
const RETRY_AFTER = '5';

export const sendScim = (response: Response, status: number, body: object): void => {
  response.status(status).set('Content-Type', `${SCIM_MEDIA_TYPE}; charset=utf-8`).send(JSON.stringify(body));
};

/** The answer to a failure that a client is told about, and its status. */
export const toAnswer = (error: ScimError): { readonly status: number; readonly body: object } => {
  const { status, isScimType } = ANSWERS[error.kind];
  return { status, body: errorResponse(status, error.detail, isScimType ? error.kind : undefined) };
};

/** What is told of a failure that nobody foresaw. */
export const unforeseenAnswer = (): { readonly status: number; readonly body: object } => ({
  status: 500,
  body: errorResponse(500, 'The server failed; its log says why. Nothing was changed.'),
});

export const sendError = (response: Response, error: ScimError): void => {
  const { status, body } = toAnswer(error);
  if (error.kind === 'unauthorized') response.set('WWW-Authenticate', 'Bearer realm="Unleash SCIM"');
  if (error.kind === 'unavailable') response.set('Retry-After', RETRY_AFTER);
  sendScim(response, status, body);
};

const property = (error: unknown, name: string): unknown =>
  typeof error === 'object' && error !== null && name in error ? Reflect.get(error, name) : undefined;

/** RFC 7644 table 9: what a message is made of is its syntax, what an attribute holds is its value. */
const kindOf = (fault: unknown): ScimErrorKind => {
  const path = String(property(fault, 'path'));
  if (/^\/body\/Operations\/\d+\/path$/.test(path)) return 'invalidPath';
  return /^\/body(\/Operations(\/\d+(\/op)?)?)?$/.test(path) ? 'invalidSyntax' : 'invalidValue';
};

/** What the body parser and the OpenAPI validator throw. Their own texts can quote the body, so most are not passed on. */
const translate = (error: unknown, limitBytes: number): ScimError | undefined => {
  if (error instanceof ScimError) return error;
  const status = property(error, 'status');
  const faults = property(error, 'errors');
  if (status === 413)
    return new ScimError(
      'payloadTooLarge',
      `The body is larger than ${limitBytes} bytes, the limit of this server; send it in parts.`,
      { cause: error },
    );
  if (status === 415)
    return new ScimError(
      'unsupportedMediaType',
      `The body must be ${SCIM_MEDIA_TYPE} or application/json, in UTF-8 and without an unknown Content-Encoding.`,
      { cause: error },
    );
  if (status === 400 && Array.isArray(faults)) {
    const told = faults.slice(0, 3).map(
      (fault: unknown) =>
        `${String(property(fault, 'path'))
          .replace(/^\/?\.?(body|query)[./]?/, '')
          .replaceAll('/', '.')} ${String(property(fault, 'message'))}`,
    );
    return new ScimError(kindOf(faults[0]), `The request is not as the OpenAPI document has it: ${told.join('; ')}.`, {
      cause: error,
    });
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new ScimError('invalidSyntax', 'The request could not be read: its length, encoding or address is wrong.', {
      cause: error,
    });
  }
  return error instanceof URIError
    ? new ScimError('invalidSyntax', 'The address is not encoded as a URL must be.', { cause: error })
    : undefined;
};

/** The one place where a failure becomes an answer. What nobody foresaw is logged, and told without a word of its cause. */
export const errorHandler =
  (options: { readonly limitBytes: number; readonly logError: (message: string, error: unknown) => void }): ErrorRequestHandler =>
  (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const known = translate(error, options.limitBytes);
    if (known !== undefined) {
      if (known.kind === 'unavailable') options.logError(`SCIM ${request.method} answered 503`, known.cause ?? known);
      sendError(response, known);
      return;
    }
    options.logError(`SCIM ${request.method} failed`, error);
    const { status, body } = unforeseenAnswer();
    sendScim(response, status, body);
  };
