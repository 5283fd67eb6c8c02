import type { Request, Response } from 'express';
import type { RequestContext } from '../services/resource-service.js';
import type { Access } from '../stores/database.js';
import type { Gate } from '../stores/settings-store.js';
import { quirksMet } from './request-quirks.js';

/** `created_by` of an event that nobody could be named for. */
const UNNAMED_TOKEN = 'SCIM';

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A search by POST changes nothing (RFC 7644 3.4.3). */
export const isWriting = (request: Request): boolean => !READING.has(request.method) && !request.path.endsWith('/.search');

/** What the statements of an admitted request have to prove. */
export const accessOf = (request: Request, response: Response): Access => {
  const gate: Gate | undefined = response.locals.gate;
  if (gate?.tokenNumber == null) throw new Error('a request that was not admitted has got this far');
  return { tokenNumber: gate.tokenNumber, writes: isWriting(request) };
};

/** What is handed on of a request besides its body, once the body is read. */
export const contextOf = (request: Request, response: Response, systemUserId: number): RequestContext => {
  const gate: Gate | undefined = response.locals.gate;
  return {
    access: accessOf(request, response),
    audit: {
      createdBy: gate?.tokenNumber == null ? UNNAMED_TOKEN : `SCIM token #${gate.tokenNumber}`,
      createdByUserId: systemUserId,
      ip: request.ip ?? null,
    },
    ifMatch: request.headers['if-match'],
    quirks: quirksMet(response),
  };
};
