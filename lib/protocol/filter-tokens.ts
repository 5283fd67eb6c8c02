/** The words that filters and PATCH paths are made of (RFC 7644 3.4.2.2), with their places in the text. */

export type ComparisonOperator = 'eq' | 'ne' | 'co' | 'sw' | 'ew' | 'gt' | 'ge' | 'lt' | 'le';

export const COMPARISON_OPERATORS: readonly ComparisonOperator[] = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'];

interface Place {
  /** UTF-16 units; `end` is behind the last one. */
  readonly at: number;
  readonly end: number;
}

export type Token = Place &
  (
    | { readonly kind: 'word' | 'mark'; readonly text: string }
    | { readonly kind: 'string'; readonly text: string; readonly value: string }
    /** A quotation mark with no JSON string behind it; the text is all that follows. */
    | { readonly kind: 'broken'; readonly text: string }
    | { readonly kind: 'end'; readonly text: '' }
  );

const SPACE = /[ \t\r\n]*/y;
const MARK = /[()[\]]/y;
const WORD = /[^ \t\r\n()[\]"]+/y;
// Where a JSON string ends; whether it is one is for JSON.parse to say (RFC 7644 3.4.2.2 wants its escapes).
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/sy;
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

const matchAt = (pattern: RegExp, text: string, at: number): string | undefined => {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
};

const readString = (text: string): string | undefined => {
  try {
    return String(JSON.parse(text));
  } catch {
    return undefined;
  }
};

/** The first token at or behind `from`. */
export const readToken = (text: string, from: number): Token => {
  const at = from + (matchAt(SPACE, text, from)?.length ?? 0);
  if (at >= text.length) return { kind: 'end', text: '', at: text.length, end: text.length };
  const word = matchAt(WORD, text, at);
  if (word !== undefined) return { kind: 'word', text: word, at, end: at + word.length };
  const mark = matchAt(MARK, text, at);
  if (mark !== undefined) return { kind: 'mark', text: mark, at, end: at + mark.length };
  const quoted = matchAt(STRING, text, at) ?? '';
  const value = readString(quoted);
  return value === undefined
    ? { kind: 'broken', text: text.slice(at), at, end: text.length }
    : { kind: 'string', text: quoted, value, at, end: at + quoted.length };
};

/** The word at the start of a text; '' if there is none. */
export const firstWord = (text: string): string => matchAt(WORD, text, 0) ?? '';

/** A JSON number that JavaScript can hold. */
export const readNumber = (text: string): number | undefined => {
  // `-0` has no meaning of its own in a comparison.
  const number = NUMBER.test(text) ? Number(text) + 0 : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
};
