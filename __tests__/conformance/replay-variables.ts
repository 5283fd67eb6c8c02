import { randomInt, randomUUID } from 'node:crypto';
import { isArray, isObject, type Json, type JsonObject } from './replay-format.js';

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const randLength = 10;
const placeholder = /\{\{([^{}[\]|]+)(?:\[([^{}[\]|]+)\])?(\|url)?\}\}/g;
const wholePlaceholder = new RegExp(`^${placeholder.source}$`);

export class UnresolvedVariable extends Error {
  constructor(readonly variable: string) {
    super(`unresolved variable ${variable}`);
  }
}

const asText = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** What `{{…}}` stands for. A child sees its parent's names; a name set in it is its own. */
export class Scope {
  private readonly values = new Map<string, Json>();

  constructor(private readonly parent?: Scope) {}

  /** @throws UnresolvedVariable */
  get(name: string): Json {
    const value = this.values.get(name);
    if (value !== undefined) return value;
    if (this.parent === undefined) throw new UnresolvedVariable(name);
    return this.parent.get(name);
  }

  set(name: string, value: Json): void {
    this.values.set(name, value);
  }

  with(name: string, value: Json): Scope {
    const child = new Scope(this);
    child.set(name, value);
    return child;
  }

  /** The text with every placeholder in it replaced. @throws UnresolvedVariable */
  text(source: string): string {
    return source.replace(placeholder, (_, name: string, index: string | undefined, url: string | undefined) => {
      const value = asText(this.lookUp(name, index));
      return url === undefined ? value : encodeURIComponent(value);
    });
  }

  /**
   * The same, through arrays and objects; a text that is one placeholder takes the variable's type.
   * @throws UnresolvedVariable
   */
  resolve(source: Json): Json {
    if (typeof source === 'string') return this.resolveText(source);
    if (isArray(source)) return source.map((element) => this.resolve(element));
    if (!isObject(source)) return source;
    if (source.$each !== undefined) return this.each(source);
    return Object.fromEntries(Object.entries(source).map(([key, value]) => [key, this.resolve(value)]));
  }

  private resolveText(source: string): Json {
    const [, name, index, url] = wholePlaceholder.exec(source) ?? [];
    return name === undefined || url !== undefined ? this.text(source) : this.lookUp(name, index);
  }

  private lookUp(name: string, index: string | undefined): Json {
    if (index === undefined) return this.get(name);
    const position = /^\d+$/.test(index) ? Number(index) : this.get(index);
    const element = typeof position === 'number' ? this.list(name)[position] : undefined;
    if (element === undefined) throw new UnresolvedVariable(`${name}[${index}]`);
    return element;
  }

  private list(name: string): readonly Json[] {
    const value = this.get(name);
    if (!isArray(value)) throw new Error(`variable ${name} is not an array`);
    return value;
  }

  private each(source: JsonObject): Json {
    const { $each: over, as, item } = source;
    if (typeof as !== 'string' || item === undefined) throw new Error('$each needs "as" and "item"');
    return this.slice(over).map((element) => this.with(as, element).resolve(item));
  }

  private slice(over: Json | undefined): readonly Json[] {
    if (typeof over === 'string') return this.list(over);
    if (!isObject(over) || typeof over.$slice !== 'string') throw new Error('$each needs a variable or a $slice');
    const bound = (value: Json | undefined): number | undefined => {
      const resolved = value === undefined ? undefined : this.resolve(value);
      return typeof resolved === 'number' ? resolved : undefined;
    };
    return this.list(over.$slice).slice(bound(over.from), bound(over.to));
  }
}

/** The variables the runner makes and those of the file, resolved from top to bottom. */
export const fileScope = (vars: JsonObject, target: { readonly baseUrl: string; readonly token: string }): Scope => {
  const scope = new Scope();
  const rand = Array.from({ length: randLength }, () => letters.charAt(randomInt(letters.length))).join('');
  scope.set('$rand', rand);
  scope.set('$RAND', rand.toUpperCase());
  scope.set('$token', target.token);
  scope.set('$base', target.baseUrl);
  for (const [name, value] of Object.entries(vars)) {
    // Fresh wherever it stands in `vars`; the last one is not handed on to the steps.
    scope.set(name, withFreshUuids(scope, value));
  }
  scope.set('$uuid', randomUUID());
  return scope;
};

const withFreshUuids = (scope: Scope, value: Json): Json => {
  if (typeof value === 'string') return scope.resolve(value.replaceAll('{{$uuid}}', () => randomUUID()));
  if (isArray(value)) return value.map((element) => withFreshUuids(scope, element));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, nested]) => [key, withFreshUuids(scope, nested)]));
};
