import { ScimError } from './errors.js';
import { COMPARISON_OPERATORS, type ComparisonOperator, firstWord, readNumber, readToken, type Token } from './filter-tokens.js';
import type { AttributePath } from './schema.js';

/** `null` is absent on purpose: `eq null` is read as "not present" (RFC 7643 2.5). */
export type ComparisonValue = string | number | boolean;

/**
 * A filter over paths as written (`AttributePath`) or bound to a schema (`BoundAttribute`).
 * `and` and `or` have two operands or more; the filter of a value path speaks of the sub-attributes of one element.
 */
export type Filter<Path> =
  | { readonly kind: 'compare'; readonly op: ComparisonOperator; readonly path: Path; readonly value: ComparisonValue }
  | { readonly kind: 'present'; readonly path: Path }
  | { readonly kind: 'and'; readonly operands: readonly Filter<Path>[] }
  | { readonly kind: 'or'; readonly operands: readonly Filter<Path>[] }
  | { readonly kind: 'not'; readonly operand: Filter<Path> }
  | { readonly kind: 'valuePath'; readonly path: Path; readonly filter: Filter<Path> };

/** Characters. The longest filter seen is some 200; a URL of 16 KiB, Node's limit, may hold no more than about this once decoded. */
export const MAX_FILTER_LENGTH = 10_000;
/** Brackets within brackets. No client sends more than three; 50 leaves the stack and the SQL parser at ease. */
export const MAX_FILTER_NESTING = 50;
/** Comparisons in one filter: each is a condition that Postgres plans, and may look at in every row. As many ids as these fit into its characters. */
export const MAX_FILTER_TERMS = 200;
/** Of them, those within value paths: each of these takes the elements of an attribute apart, in every row, which no index helps. */
export const MAX_FILTER_ELEMENT_TERMS = 20;

// RFC 7644 3.4.2.2 attrPath. The version of a URN holds a dot, so the name is what follows the last colon.
const PATH = /^(?:(urn:.+):)?(\$?[a-z][a-z0-9_-]*)(?:\.(\$?[a-z][a-z0-9_-]*))?$/i;
const SUB_ATTRIBUTE = /^\.(\$?[a-z][a-z0-9_-]*)$/i;

const SHOWN_CHARACTERS = 60;

/** A piece of the client's text, short enough for an error message. */
export const shown = (text: string): string => {
  const characters = [...text.slice(0, 2 * SHOWN_CHARACTERS)];
  return characters.length > SHOWN_CHARACTERS ? `${characters.slice(0, SHOWN_CHARACTERS).join('')}…` : text;
};

const readPath = (text: string): AttributePath | undefined => {
  const [, urn, name, sub] = PATH.exec(text) ?? [];
  if (name === undefined) return undefined;
  return { ...(urn === undefined ? {} : { urn }), name, ...(sub === undefined ? {} : { sub }) };
};

class FilterParser {
  readonly #text: string;
  #token: Token;
  #end: number;
  #nesting = 0;
  #terms = 0;
  #elementTerms = 0;

  constructor(text: string, start = 0) {
    this.#text = text;
    this.#end = start;
    this.#token = this.#read();
  }

  whole(): Filter<AttributePath> {
    const filter = this.#either(false);
    if (this.#token.kind !== 'end') this.#fail('"and", "or" or the end of the filter');
    return filter;
  }

  /** `[ … ]`, the parser standing at the bracket; `end` is the index behind the closing one. */
  bracketed(): { readonly filter: Filter<AttributePath>; readonly end: number } {
    this.#advance();
    const filter = this.#either(true);
    if (!this.#isMark(']')) this.#fail('"and", "or" or "]"');
    return { filter, end: this.#token.at + 1 };
  }

  #read(): Token {
    const token = readToken(this.#text, this.#end);
    this.#end = token.end;
    if (token.kind !== 'broken') return token;
    this.#token = token;
    return this.#fail('a JSON string: closing quotation mark, and only the escapes that JSON has');
  }

  #advance(): void {
    this.#token = this.#read();
  }

  #fail(expected: string): never {
    const found = this.#token.kind === 'end' ? 'the end' : `"${shown(this.#token.text)}"`;
    throw new ScimError('invalidFilter', `Filter, position ${this.#token.at + 1}: expected ${expected}, found ${found}.`);
  }

  #isMark(text: string): boolean {
    return this.#token.kind === 'mark' && this.#token.text === text;
  }

  #isWord(text: string): boolean {
    return this.#token.kind === 'word' && this.#token.text.toLowerCase() === text;
  }

  #either(inValuePath: boolean): Filter<AttributePath> {
    return this.#chain('or', () => this.#chain('and', () => this.#unit(inValuePath)));
  }

  #chain(kind: 'and' | 'or', next: () => Filter<AttributePath>): Filter<AttributePath> {
    const first = next();
    const operands = [first];
    while (this.#isWord(kind)) {
      this.#advance();
      operands.push(next());
    }
    return operands.length === 1 ? first : { kind, operands };
  }

  #unit(inValuePath: boolean): Filter<AttributePath> {
    if (this.#isMark('(')) return this.#group(inValuePath);
    if (this.#isWord('not')) {
      this.#advance();
      if (!this.#isMark('(')) this.#fail('"(" after "not"');
      return { kind: 'not', operand: this.#group(inValuePath) };
    }
    const path = this.#token.kind === 'word' ? readPath(this.#token.text) : undefined;
    if (path === undefined) this.#fail('an attribute name, "not" or "("');
    this.#advance();
    if (!this.#isMark('[')) return this.#comparison(path);
    if (inValuePath) this.#fail('an operator, as a value path holds no other');
    return this.#valuePath(path);
  }

  #group(inValuePath: boolean): Filter<AttributePath> {
    this.#descend();
    this.#advance();
    const filter = this.#either(inValuePath);
    if (!this.#isMark(')')) this.#fail('"and", "or" or ")"');
    this.#advance();
    this.#nesting -= 1;
    return filter;
  }

  #valuePath(path: AttributePath): Filter<AttributePath> {
    this.#descend();
    const before = this.#terms;
    const { filter } = this.bracketed();
    this.#elementTerms += this.#terms - before;
    if (this.#elementTerms > MAX_FILTER_ELEMENT_TERMS) {
      this.#fail(`at most ${MAX_FILTER_ELEMENT_TERMS} comparisons within square brackets`);
    }
    this.#advance();
    this.#nesting -= 1;
    return { kind: 'valuePath', path, filter };
  }

  #descend(): void {
    this.#nesting += 1;
    if (this.#nesting > MAX_FILTER_NESTING) this.#fail(`at most ${MAX_FILTER_NESTING} brackets within each other`);
  }

  #comparison(path: AttributePath): Filter<AttributePath> {
    this.#terms += 1;
    if (this.#terms > MAX_FILTER_TERMS) this.#fail(`at most ${MAX_FILTER_TERMS} comparisons`);
    if (this.#isWord('pr')) {
      this.#advance();
      return { kind: 'present', path };
    }
    const op = COMPARISON_OPERATORS.find((operator) => this.#isWord(operator));
    if (op === undefined) this.#fail(`an operator (${COMPARISON_OPERATORS.join(', ')}, pr)`);
    this.#advance();
    if (this.#isWord('null')) {
      if (op !== 'eq' && op !== 'ne') this.#fail(`a value that "${op}" can compare`);
      this.#advance();
      // RFC 7643 2.5: null is "unassigned", the same as not being there.
      return op === 'ne' ? { kind: 'present', path } : { kind: 'not', operand: { kind: 'present', path } };
    }
    const value = this.#value();
    this.#advance();
    return { kind: 'compare', op, path, value };
  }

  #value(): ComparisonValue {
    const token = this.#token;
    if (token.kind === 'string') return token.value;
    if (this.#isWord('true')) return true;
    if (this.#isWord('false')) return false;
    const number = token.kind === 'word' ? readNumber(token.text) : undefined;
    if (number !== undefined) return number;
    return this.#fail('a string in quotation marks ("jyoung", not jyoung), a number, true, false or null');
  }
}

/**
 * Reads the `filter` parameter (RFC 7644 3.4.2.2). Names and values are not looked at: `resolveFilter` does that.
 *
 * @throws ScimError `invalidFilter` with the position (1-based, in UTF-16 units) and what was expected there.
 */
export const parseFilter = (text: string): Filter<AttributePath> => {
  if (text.length > MAX_FILTER_LENGTH) {
    throw new ScimError('invalidFilter', `The filter has ${text.length} characters; at most ${MAX_FILTER_LENGTH} are read.`);
  }
  return new FilterParser(text).whole();
};

const formatPath = ({ urn, name, sub }: AttributePath): string =>
  `${urn === undefined ? '' : `${urn}:`}${name}${sub === undefined ? '' : `.${sub}`}`;

/** The filter as text; `parseFilter` reads it back to an equal filter. */
export const formatFilter = (filter: Filter<AttributePath>): string => {
  switch (filter.kind) {
    case 'compare':
      return `${formatPath(filter.path)} ${filter.op} ${JSON.stringify(filter.value)}`;
    case 'present':
      return `${formatPath(filter.path)} pr`;
    case 'not':
      return `not (${formatFilter(filter.operand)})`;
    case 'valuePath':
      return `${formatPath(filter.path)}[${formatFilter(filter.filter)}]`;
    case 'and':
    case 'or': {
      const binds = (operand: Filter<AttributePath>): boolean =>
        operand.kind === 'or' || (operand.kind === 'and' && filter.kind === 'and');
      return filter.operands
        .map((operand) => (binds(operand) ? `(${formatFilter(operand)})` : formatFilter(operand)))
        .join(` ${filter.kind} `);
    }
  }
};

/** A PATCH path as written (RFC 7644 3.5.2): `attrPath / valuePath [subAttr]`. */
export interface PathExpression {
  readonly path: AttributePath;
  readonly filter?: Filter<AttributePath>;
  /** The sub-attribute behind the bracket. */
  readonly sub?: string;
}

/**
 * @throws ScimError `invalidPath`, or `invalidFilter` when it is the value filter that cannot be read.
 */
export const parsePathExpression = (text: string): PathExpression => {
  const trimmed = text.trim();
  const unreadable = (): ScimError => new ScimError('invalidPath', `The path "${shown(trimmed)}" is not an attribute path.`);
  if (trimmed.length > MAX_FILTER_LENGTH) throw unreadable();
  const head = firstWord(trimmed);
  const path = readPath(head);
  if (path === undefined) throw unreadable();
  if (head === trimmed) return { path };
  if (trimmed[head.length] !== '[') throw unreadable();
  const { filter, end } = new FilterParser(trimmed, head.length).bracketed();
  if (end === trimmed.length) return { path, filter };
  const sub = SUB_ATTRIBUTE.exec(trimmed.slice(end))?.[1];
  if (sub === undefined) throw unreadable();
  return { path, filter, sub };
};
