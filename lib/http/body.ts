import { isUtf8 } from 'node:buffer';
import type { Request, RequestHandler, Response } from 'express';
import { ScimError } from '../protocol/errors.js';
import { SCIM_MEDIA_TYPE } from './answer.js';
import { announcesBody, expander, PATIENCE, type Patience, readBytes } from './body-bytes.js';
import { standardContentType } from './request-quirks.js';

/** Brackets within brackets. The deepest resource has five; the limit keeps every recursion far from the end of the stack. */
const MAX_NESTING = 32;

/** Where a string ends whose first character is at `from`: behind its closing quotation mark; -1 where it has none. */
const endOfString = (text: string, from: number): number => {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
  return -1;
};

/** Before anything is parsed: a parser takes many times the memory of the brackets that it is in. */
const assertNesting = (text: string): void => {
  let depth = 0;
  for (let i = 0; i >= 0; ) {
    const quote = text.indexOf('"', i);
    const end = quote < 0 ? text.length : quote;
    for (; i < end; i += 1) {
      // Square brackets become curly ones by this bit, and nothing else does.
      const code = text.charCodeAt(i) | 0x20;
      if (code === 0x7b) {
        depth += 1;
        if (depth > MAX_NESTING) throw new ScimError('invalidSyntax', `The body is nested deeper than ${MAX_NESTING} levels.`);
      } else if (code === 0x7d) depth -= 1;
    }
    if (quote < 0) return;
    i = endOfString(text, quote + 1);
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

const notIn = (charset: string): ScimError => new ScimError('invalidSyntax', `The body is not ${charset}.`);

const withoutByteOrderMark = (text: string): string => (text.startsWith('\uFEFF') ? text.slice(1) : text);

/** A decoder would put U+FFFD in place of what is no UTF-8, and a name would be stored that nobody sent. */
const decodeUtf8 = (bytes: Buffer): string => {
  if (!isUtf8(bytes)) throw notIn('UTF-8');
  return withoutByteOrderMark(bytes.toString());
};

const UTF8 = /^utf-?8$/i;

/** RFC 8259 8.1: JSON is UTF-8. What a client says to be otherwise is read as it says. */
const decoder = (header: string): ((bytes: Buffer) => string) => {
  const [, charset] = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(header) ?? [];
  if (charset === undefined || UTF8.test(charset)) return decodeUtf8;
  try {
    const decoder = new TextDecoder(charset, { fatal: true });
    return (bytes) => {
      try {
        return decoder.decode(bytes);
      } catch {
        throw notIn(decoder.encoding.toUpperCase());
      }
    };
  } catch (cause) {
    throw new ScimError('unsupportedMediaType', 'The body must be in UTF-8; the charset of its Content-Type is unknown here.', {
      cause,
    });
  }
};

const mediaType = (header: string): string => header.split(';')[0]?.trim().toLowerCase() ?? '';

const assertMediaType = (request: Request, header: string): void => {
  const type = mediaType(header);
  if (announcesBody(request) && type !== SCIM_MEDIA_TYPE) {
    throw new ScimError(
      'unsupportedMediaType',
      `The body must be ${SCIM_MEDIA_TYPE} or application/json, not ${type.slice(0, 80)}.`,
    );
  }
};

/**
 * Reads bodies of `application/scim+json` (RFC 7644 3.1), and what is rewritten to it.
 *
 * @param limitBytes of the body, before and after decompression.
 */
export const readBody = (limitBytes: number, patience: Patience = PATIENCE): RequestHandler => {
  const readText = async (request: Request, header: string): Promise<string> => {
    const encoding = request.headers['content-encoding'];
    if (header === SCIM_MEDIA_TYPE && encoding === undefined) return decodeUtf8(await readBytes(request, limitBytes, patience));
    assertMediaType(request, header);
    const decode = decoder(header);
    const expand = expander(encoding ?? 'identity', limitBytes);
    const bytes = await readBytes(request, limitBytes, patience);
    return bytes.length === 0 ? '' : decode(await expand(bytes));
  };

  const read = async (request: Request, response: Response): Promise<unknown> => {
    const text = await readText(request, standardContentType(response, request.headers['content-type'] ?? ''));
    if (text.trim() === '') throw new ScimError('invalidSyntax', 'The request needs a body in JSON, and has none.');
    return parse(text);
  };

  return (request, response, next) => {
    read(request, response).then((body) => {
      request.body = body;
      next();
    }, next);
  };
};
