import { isUtf8 } from 'node:buffer';
import express, { type RequestHandler } from 'express';
import { ScimError } from '../protocol/errors.js';
import { SCIM_MEDIA_TYPE } from './error-response.js';
import { standardContentType } from './request-quirks.js';

/** Brackets within brackets. The deepest resource has five; the limit keeps every recursion far from the end of the stack. */
const MAX_NESTING = 32;

const assertNesting = (text: string): void => {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > MAX_NESTING) throw new ScimError('invalidSyntax', `The body is nested deeper than ${MAX_NESTING} levels.`);
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
};

/** The parser's own message quotes the body, and a body can hold a password; the position is all that is told. */
const parse = (text: string): unknown => {
  assertNesting(text);
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    throw new ScimError(
      'invalidSyntax',
      `The body is not valid JSON${position === undefined ? '' : ` at character ${Number(position) + 1}`}.`,
    );
  }
};

/** The decoder would put U+FFFD in place of what is no UTF-8, and a name would be stored that nobody sent. */
const assertEncoding = (_request: unknown, _response: unknown, bytes: Buffer, charset: string): void => {
  if (/^utf-?8$/i.test(charset) && !isUtf8(bytes)) throw new ScimError('invalidSyntax', 'The body is not UTF-8.');
};

const mediaType = (header: string): string => header.split(';')[0]?.trim().toLowerCase() ?? '';

/**
 * Reads bodies of `application/scim+json` (RFC 7644 3.1), and what is rewritten to it.
 *
 * @param limitBytes of the body after decompression.
 */
export const readBody = (limitBytes: number): RequestHandler[] => {
  const readText = express.text({ type: () => true, limit: limitBytes, verify: assertEncoding });
  return [
    (request, response, next) => {
      const header = standardContentType(response, request.headers['content-type'] ?? '');
      const type = mediaType(header);
      const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
      if (hasBody && type !== SCIM_MEDIA_TYPE) {
        throw new ScimError(
          'unsupportedMediaType',
          `The body must be ${SCIM_MEDIA_TYPE} or application/json, not ${type.slice(0, 80)}.`,
        );
      }
      // RFC 8259 8.1: JSON is UTF-8; the parser would take no charset for ISO-8859-1.
      request.headers['content-type'] = /charset/i.test(header) ? header : `${SCIM_MEDIA_TYPE}; charset=utf-8`;
      next();
    },
    readText,
    (request, _response, next) => {
      const text: unknown = request.body;
      if (typeof text !== 'string' || text.trim() === '') {
        throw new ScimError('invalidSyntax', 'The request needs a body in JSON, and has none.');
      }
      request.body = parse(text.replace(/^\uFEFF/, ''));
      next();
    },
  ];
};
