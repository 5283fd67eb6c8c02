import type { Request, Response } from 'express';
import { standardPath, standardQuery } from './request-quirks.js';

/** Routes see an address in standard form; `/v2` is an alias of the base address. */
export const normaliseAddress = (request: Request, response: Response): void => {
  const mark = request.url.indexOf('?');
  const at = mark < 0 ? request.url.length : mark;
  const path = standardPath(response, request.url.slice(0, at)).replace(/^\/v2(?=\/|$)/i, '');
  const query = mark < 0 ? '' : standardQuery(response, request.url.slice(at));
  request.url = `${path === '' ? '/' : path}${query}`;
};
