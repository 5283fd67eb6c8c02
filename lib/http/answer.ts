import { finished } from 'node:stream';
import type { Request, Response } from 'express';
import { announcesBody } from './body-bytes.js';

export const SCIM_MEDIA_TYPE = 'application/scim+json';
const CONTENT_TYPE = `${SCIM_MEDIA_TYPE}; charset=utf-8`;

/** From here on Node is quicker with bytes than with text. */
const MANY_CHARACTERS = 100_000;

/** Milliseconds without a byte that a client takes of a long answer: beyond it the connection ends, or it would hold the answer for ever. */
const UNREAD_MS = 15_000;

/** Milliseconds for the rest of a body whose answer is known already. */
const REST_MS = 5_000;

// Express's own senders would look for entity tags and media types, and set them anew, in each answer.

const begin = (response: Response, status: number): void => {
  response.statusCode = status;
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
};

export const sendEmpty = (response: Response, status: number): void => {
  begin(response, status);
  response.end();
};

const isBodyComing = (request: Request): boolean => !request.complete && !request.destroyed && announcesBody(request);

/**
 * Sends the content, which the client has whole by its length, and then ends the answer. Where that closes the connection, what the
 * client still sends is read first: it would be answered by a reset, which can take the answer along (RFC 9112 9.6).
 */
const end = (response: Response, content: string | Buffer): void => {
  const { req: request } = response;
  if (response.shouldKeepAlive || !isBodyComing(request)) {
    response.end(content);
    return;
  }
  response.setHeader('Content-Length', Buffer.byteLength(content));
  response.write(content);
  const timer = setTimeout(() => response.end(), REST_MS);
  finished(request.resume(), () => {
    clearTimeout(timer);
    response.end();
  });
};

export const sendJson = (response: Response, status: number, json: string): void => {
  const { req: request } = response;
  begin(response, status);
  // What is read by an address without an entity tag can still be asked for "unless there is any".
  if (request.headers['if-none-match'] !== undefined && request.fresh) {
    sendEmpty(response, 304);
    return;
  }
  response.setHeader('Content-Type', CONTENT_TYPE);
  if (request.method === 'HEAD') {
    response.setHeader('Content-Length', Buffer.byteLength(json));
    response.end();
  } else if (json.length < MANY_CHARACTERS) {
    end(response, json);
  } else {
    response.setTimeout(UNREAD_MS);
    end(response, Buffer.from(json));
  }
};

export const sendScim = (response: Response, status: number, body: object): void =>
  sendJson(response, status, JSON.stringify(body));
