import express, { type RequestHandler } from 'express';
import { ScimError } from '../protocol/errors.js';

/** Brackets within brackets. The deepest resource has five; the limit keeps every recursion far from the end of the stack. */
const MAX_NESTING = 32;

const MEDIA_TYPES: ReadonlySet<string> = new Set(['application/scim+json', 'application/json', 'text/json']);

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

const mediaType = (header: string | undefined): string => (header ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

/**
 * Reads bodies of `application/scim+json` and `application/json`, and such without a type, which can be nothing else.
 *
 * @param limitBytes of the body after decompression.
 */
export const readBody = (limitBytes: number): RequestHandler[] => {
  const readText = express.text({ type: () => true, limit: limitBytes });
  return [
    (request, _response, next) => {
      const type = mediaType(request.headers['content-type']);
      const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
      if (hasBody && type !== '' && !MEDIA_TYPES.has(type)) {
        throw new ScimError(
          'unsupportedMediaType',
          `The body must be application/scim+json or application/json, not ${type.slice(0, 80)}.`,
        );
      }
      // RFC 8259 8.1: JSON is UTF-8; the parser would take no charset for ISO-8859-1.
      if (!/charset/i.test(request.headers['content-type'] ?? ''))
        request.headers['content-type'] = 'application/scim+json; charset=utf-8';
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
