import { MAX_FILTER_LENGTH } from './filter-syntax.js';
import { COMPARISON_OPERATORS, readToken, type Token } from './filter-tokens.js';
import {
  type Attribute,
  type AttributePath,
  type BoundAttribute,
  bindPath,
  findAttribute,
  type ResourceType,
  splitPath,
  subAttributesOf,
} from './schema.js';

/**
 * Filters and paths that the grammar of RFC 7644 3.4.2.2 does not have, rewritten in place: what is not touched stays as it
 * was sent, and what nobody can read is left for the parser to refuse with its position.
 */

/** `path`, `path pr`, `path op value`, or the head of a value path: one attribute name with what belongs to it. */
interface Term {
  readonly path: Token;
  /** The name in front of the bracket that the term is in. */
  readonly parent?: string;
  readonly op?: Token;
  readonly value?: Token;
  readonly next: Token;
}

/** `name[ … ].sub op value`: the brackets with the comparison behind them. */
interface Suffix {
  readonly open: Token;
  readonly close: Token;
  readonly hasOr: boolean;
  readonly term: Term;
}

const isMark = (token: Token, text: string): boolean => token.kind === 'mark' && token.text === text;
const isWord = (token: Token, ...words: readonly string[]): boolean =>
  token.kind === 'word' && words.includes(token.text.toLowerCase());
const isOperator = (token: Token): boolean => isWord(token, 'pr', ...COMPARISON_OPERATORS);
const endsTerm = (token: Token): boolean =>
  token.kind === 'end' || isWord(token, 'and', 'or') || isMark(token, ')') || isMark(token, ']');

const readTokens = (text: string): readonly Token[] => {
  // The parser refuses what is longer, unread.
  if (text.length > MAX_FILTER_LENGTH) return [];
  const tokens: Token[] = [];
  for (let token = readToken(text, 0); ; token = readToken(text, token.end)) {
    tokens.push(token);
    if (token.kind === 'end' || token.kind === 'broken') return tokens;
  }
};

/** The terms of a filter or a path, as far as it can be read. */
const readTerms = (text: string): { readonly terms: readonly Term[]; readonly suffixes: readonly Suffix[] } => {
  const tokens = readTokens(text);
  const end: Token = { kind: 'end', text: '', at: text.length, end: text.length };
  const at = (index: number): Token => tokens[index] ?? end;
  const terms: Term[] = [];
  const suffixes: Suffix[] = [];
  let bracket: { readonly open: Token; readonly parent: string; hasOr: boolean } | undefined;
  let expectsTerm = true;

  const termAt = (index: number): Term => {
    const inside = bracket === undefined ? {} : { parent: bracket.parent };
    const op = at(index + 1);
    if (!isOperator(op)) return { path: at(index), ...inside, next: op };
    if (isWord(op, 'pr')) return { path: at(index), ...inside, op, next: at(index + 2) };
    return { path: at(index), ...inside, op, value: at(index + 2), next: at(index + 3) };
  };
  const width = (term: Term): number => 1 + (term.op === undefined ? 0 : 1) + (term.value === undefined ? 0 : 1);

  for (let i = 0; i < tokens.length; ) {
    const token = at(i);
    if (expectsTerm && token.kind === 'word' && !isWord(token, 'not')) {
      const term = termAt(i);
      terms.push(term);
      i += width(term);
      expectsTerm = isMark(term.next, '[') && bracket === undefined;
      if (expectsTerm) {
        bracket = { open: term.next, parent: token.text, hasOr: false };
        i += 1;
      }
    } else if (isMark(token, ']') && bracket !== undefined) {
      const { open, hasOr } = bracket;
      bracket = undefined;
      i += 1;
      const sub = at(i);
      if (sub.kind !== 'word' || !sub.text.startsWith('.')) continue;
      const term = termAt(i);
      suffixes.push({ open, close: token, hasOr, term });
      i += width(term);
    } else {
      if (bracket !== undefined) bracket.hasOr ||= isWord(token, 'or');
      if (isWord(token, 'and', 'or')) expectsTerm = true;
      i += 1;
    }
  }
  return { terms, suffixes };
};

interface Edit {
  readonly at: number;
  readonly end: number;
  readonly text: string;
}

const edited = (text: string, edits: readonly Edit[]): string => {
  let result = text;
  for (const { at, end, text: replacement } of [...edits].sort((a, b) => b.at - a.at)) {
    result = result.slice(0, at) + replacement + result.slice(end);
  }
  return result;
};

const edit = (token: Token, text: string): Edit => ({ at: token.at, end: token.end, text });

const editTerms = (text: string, change: (term: Term) => Edit | undefined): string =>
  edited(
    text,
    readTerms(text).terms.flatMap((term) => change(term) ?? []),
  );

/** What the extensions have under a name that the core does not know. */
const bindUnqualified = (type: ResourceType, path: AttributePath): BoundAttribute | undefined => {
  if (path.urn !== undefined || bindPath(type, path) !== undefined) return undefined;
  for (const { id } of type.extensions) {
    const bound = bindPath(type, { ...path, urn: id });
    if (bound !== undefined) return bound;
  }
  return undefined;
};

/** The path with the URN of the extension in front, where it names one of its attributes and nothing of the core; else undefined. */
export const qualify = (types: readonly ResourceType[], text: string): string | undefined => {
  const path = splitPath(text);
  if (types.some((type) => bindPath(type, path) !== undefined)) return undefined;
  for (const type of types) {
    const extension = bindUnqualified(type, path)?.extension;
    if (extension !== undefined) return `${extension}:${text}`;
  }
  return undefined;
};

/** `manager eq "7"` for `urn:…:User:manager eq "7"`; in a PATCH path, the one path. */
export const qualifyTerms = (text: string, types: readonly ResourceType[]): string =>
  editTerms(text, ({ path, parent }) => {
    const qualified = parent === undefined ? qualify(types, path.text) : undefined;
    return qualified === undefined ? undefined : edit(path, qualified);
  });

/** `manager,userName`, as `attributes` has it. */
export const qualifyNames = (text: string, types: readonly ResourceType[]): string =>
  text
    .split(',')
    .map((name) => {
      const qualified = qualify(types, name.trim());
      return qualified === undefined ? name : name.replace(name.trim(), () => qualified);
    })
    .join(',');

/** `emails[type eq "work"].value eq "x"` for `emails[type eq "work" and value eq "x"]`: one element has to satisfy both. */
export const moveSuffixInside = (text: string): string =>
  edited(
    text,
    readTerms(text).suffixes.flatMap(({ open, close, hasOr, term }) => {
      const last = term.value ?? term.op;
      if (last === undefined || !endsTerm(term.next) || last.kind === 'mark' || last.kind === 'end') return [];
      const comparison = `${term.path.text.slice(1)}${text.slice(term.path.end, last.end)}`;
      return [
        ...(hasOr ? [{ at: open.end, end: open.end, text: '(' }] : []),
        { at: close.at, end: last.end, text: `${hasOr ? ')' : ''} and ${comparison}]` },
      ];
    }),
  );

/** `email eq "x"` for `emails eq "x"`, where there is an `emails` and no `email`. */
export const nameEmails = (text: string, types: readonly ResourceType[]): string =>
  editTerms(text, ({ path, parent }) => {
    const name = /^email(?=\.|$)/i;
    if (parent !== undefined || !name.test(path.text)) return undefined;
    const known = (attribute: string): boolean => types.some((type) => bindPath(type, { name: attribute }) !== undefined);
    return known('email') || !known('emails') ? undefined : edit(path, path.text.replace(name, 'emails'));
  });

const namedIn = (type: ResourceType, { path, parent }: Term): Attribute | undefined => {
  const bound = bindPath(type, splitPath(parent ?? path.text));
  if (parent === undefined) return bound?.subAttribute ?? bound?.attribute;
  return bound && findAttribute(subAttributesOf(bound.attribute), path.text);
};

/** `primary eq "True"` for `primary eq true`. */
export const unquoteBooleans = (text: string, types: readonly ResourceType[]): string =>
  editTerms(text, (term) => {
    if (term.value?.kind !== 'string') return undefined;
    const word = term.value.value.toLowerCase();
    if (word !== 'true' && word !== 'false') return undefined;
    return types.some((type) => namedIn(type, term)?.type === 'boolean') ? edit(term.value, word) : undefined;
  });
