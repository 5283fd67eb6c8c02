import type { Request, Response } from 'express';
import type { RequestContext } from '../services/resource-service.js';
import type { Gate } from '../stores/settings-store.js';
import { quirksMet } from './request-quirks.js';

/** `created_by` of an event that nobody could be named for. */
const UNNAMED_TOKEN = 'SCIM';

/** What is handed on of a request besides its body, once the body is read. */
export const contextOf = (request: Request, response: Response, systemUserId: number): RequestContext => {
  const gate: Gate | undefined = response.locals.gate;
  return {
    audit: {
      createdBy: gate?.tokenNumber == null ? UNNAMED_TOKEN : `SCIM token #${gate.tokenNumber}`,
      createdByUserId: systemUserId,
      ip: request.ip ?? null,
    },
    ifMatch: request.headers['if-match'],
    quirks: quirksMet(response),
  };
};
