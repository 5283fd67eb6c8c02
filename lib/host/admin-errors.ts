import { BadDataError, GenericUnleashError } from 'unleash-server';
import { ScimError } from '../protocol/errors.js';

const hasStatusCode = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number';

/** What the host's pages show of a refusal of ours: they read its `message`. */
export const refusalInHostShape = (error: ScimError): GenericUnleashError | BadDataError => {
  if (error.kind === 'conflict' || error.kind === 'uniqueness') {
    return new GenericUnleashError({ name: 'ConflictError', message: error.detail, statusCode: 409 });
  }
  if (error.kind === 'unavailable') {
    return new GenericUnleashError({ name: 'InternalError', message: error.detail, statusCode: 503 });
  }
  return new BadDataError(error.detail);
};

const toHostError = (error: unknown): unknown => {
  if (error instanceof ScimError) return refusalInHostShape(error);
  if (hasStatusCode(error)) return error;
  // The host answers with the message of an error that it does not know, and this one may name tables or values.
  return new GenericUnleashError({ name: 'InternalError', message: 'The server failed; its log says why.', statusCode: 500 });
};

/** Runs the work of an admin route so that whatever fails has the host's own error shape. */
export const inHostShape = async <Result>(work: () => Promise<Result>, logError: (error: unknown) => void): Promise<Result> => {
  try {
    return await work();
  } catch (error) {
    const shaped = toHostError(error);
    if (shaped !== error && !(error instanceof ScimError)) logError(error);
    throw shaped;
  }
};
