import type { ErrorRequestHandler, Response } from 'express';
import { ScimError, type ScimErrorKind } from '../protocol/errors.js';
import { errorResponse } from '../protocol/messages.js';
import { sendScim } from './answer.js';

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
  requestTimeout: { status: 408, isScimType: false },
  preconditionFailed: { status: 412, isScimType: false },
  payloadTooLarge: { status: 413, isScimType: false },
  unsupportedMediaType: { status: 415, isScimType: false },
  tooManyRequests: { status: 429, isScimType: false },
  notImplemented: { status: 501, isScimType: false },
  unavailable: { status: 503, isScimType: false },
};

/** What is unavailable here (a migration, a lost race, a database that restarts) is over soon. */
const RETRY_AFTER_MS = 5_000;

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
  if (error.kind === 'unauthorized') response.setHeader('WWW-Authenticate', 'Bearer realm="Unleash SCIM"');
  const retryAfterMs = error.retryAfterMs ?? (error.kind === 'unavailable' ? RETRY_AFTER_MS : undefined);
  if (retryAfterMs !== undefined) response.setHeader('Retry-After', Math.max(1, Math.ceil(retryAfterMs / 1000)));
  // RFC 9110 15.5.9: the rest of the body may still come, and nobody waits for it.
  if (error.kind === 'requestTimeout') response.setHeader('Connection', 'close');
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

/** What Express and the OpenAPI validator throw. */
const translate = (error: unknown): ScimError | undefined => {
  if (error instanceof ScimError) return error;
  const status = property(error, 'status');
  const faults = property(error, 'errors');
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
    return new ScimError('invalidSyntax', 'The request could not be read: its address is wrong.', {
      cause: error,
    });
  }
  return error instanceof URIError
    ? new ScimError('invalidSyntax', 'The address is not encoded as a URL must be.', { cause: error })
    : undefined;
};

/** The one place where a failure becomes an answer. What nobody foresaw is logged, and told without a word of its cause. */
export const errorHandler =
  (options: { readonly logError: (message: string, error: unknown) => void }): ErrorRequestHandler =>
  (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const known = translate(error);
    if (known !== undefined) {
      if (known.kind === 'unavailable') options.logError(`SCIM ${request.method} answered 503`, known.cause ?? known);
      sendError(response, known);
      return;
    }
    options.logError(`SCIM ${request.method} failed`, error);
    const { status, body } = unforeseenAnswer();
    sendScim(response, status, body);
  };
