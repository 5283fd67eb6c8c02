import fc from 'fast-check';
import type { Allowed, Plain } from './hostile-contract.js';
import { HEADERS, METHODS, TARGET_PARTS, WEIRD_BYTES, WEIRD_KEYS, WEIRD_VALUES } from './hostile-corpus.js';
import { FRAMINGS, type Framing } from './hostile-framing.js';

/** Bends requests: what they are about, their headers, their JSON, their bytes and their length. */

/** What goes on the wire, as far as it is text. */
export interface Bent {
  readonly method: string;
  /** Below `/scim`, with its query. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | undefined;
  readonly framing: Framing;
}

/** JSON as text allows it: keys may stand twice, and numbers be as large as they like. */
type Tree = { raw: string } | { items: Tree[] } | { members: [key: string, value: Tree][] };

const treeOf = (value: Plain): Tree => {
  if (Array.isArray(value)) return { items: (value as readonly Plain[]).map(treeOf) };
  if (typeof value !== 'object' || value === null) return { raw: JSON.stringify(value) };
  return { members: Object.entries(value).map(([key, part]) => [JSON.stringify(key), treeOf(part as Plain)]) };
};

const textOf = (tree: Tree): string => {
  if ('raw' in tree) return tree.raw;
  if ('items' in tree) return `[${tree.items.map(textOf).join(',')}]`;
  return `{${tree.members.map(([key, part]) => `${key}:${textOf(part)}`).join(',')}}`;
};

type TreeChange = (tree: Tree, at: number, choice: number) => Tree;

const choose = <Item>(items: readonly Item[], choice: number): Item => items[choice % items.length] as Item;

const everyNode = (tree: Tree): Tree[] => {
  if ('raw' in tree) return [tree];
  const parts = 'items' in tree ? tree.items : tree.members.map(([, part]) => part);
  return [tree, ...parts.flatMap(everyNode)];
};

const objectsIn = (tree: Tree): { members: [string, Tree][] }[] =>
  everyNode(tree).flatMap((node) => ('members' in node ? [node] : []));

/** Puts other content into a node in its place. */
const become = (node: Tree, other: Tree): void => {
  const copy = structuredClone(other);
  for (const key of Object.keys(node)) Reflect.deleteProperty(node, key);
  Object.assign(node, copy);
};

const onMember =
  (change: (members: [string, Tree][], index: number, choice: number) => void): TreeChange =>
  (tree, at, choice) => {
    const { members } = choose([...objectsIn(tree), { members: [] }], at);
    if (members.length > 0) change(members, choice % members.length, choice);
    return tree;
  };

const TREE_CHANGES: readonly TreeChange[] = [
  (tree, at, choice) => {
    become(choose(everyNode(tree), at), { raw: choose(WEIRD_VALUES, choice) });
    return tree;
  },
  (tree, at, choice) => {
    become(choose(everyNode(tree), at), choose(everyNode(tree), choice));
    return tree;
  },
  (tree, at, choice) => {
    const node = choose(everyNode(tree), at);
    become(node, choice % 2 === 0 ? { items: [structuredClone(node)] } : { members: [['"value"', structuredClone(node)]] });
    return tree;
  },
  onMember((members, index) => members.splice(index, 1)),
  onMember((members, index, choice) => {
    const [key] = members[index] ?? ['""'];
    members.push([choice % 3 === 0 ? key.toUpperCase() : key, { raw: choose(WEIRD_VALUES, choice) }]);
  }),
  onMember((members, index, choice) => {
    const member = members[index];
    if (member !== undefined) member[0] = JSON.stringify(choose(WEIRD_KEYS, choice));
  }),
  onMember((members, _index, choice) => {
    members.push([JSON.stringify(choose(WEIRD_KEYS, choice)), { raw: choose(WEIRD_VALUES, choice >> 4) }]);
  }),
];

type ByteChange = (bytes: Buffer, at: number, choice: number) => Buffer;

const splice = (bytes: Buffer, from: number, count: number, ...parts: readonly Buffer[]): Buffer =>
  Buffer.concat([bytes.subarray(0, from), ...parts, bytes.subarray(from + count)]);

const BYTE_CHANGES: readonly ByteChange[] = [
  (bytes, at, choice) => splice(bytes, at, 0, choose(WEIRD_BYTES, choice)),
  (bytes, at, choice) => splice(bytes, at, 1, Buffer.from([choice & 0xff])),
  (bytes, at, choice) => splice(bytes, at, 1 + (choice % 8)),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, choice) => splice(bytes, at, 0, bytes.subarray(at, at + (choice % 64))),
  (bytes) => Buffer.concat([bytes, bytes]),
  (bytes) => Buffer.from(bytes.toString('latin1'), 'utf16le'),
  (bytes) => Buffer.concat([Buffer.alloc(100_000, 0x20), bytes]),
];

const encoded = (text: string): string => encodeURIComponent(text.toWellFormed()).replaceAll('%24', '$');

const plainTarget = ({ path, query }: Allowed): string =>
  query.length === 0 ? path : `${path}?${query.map(([name, value]) => `${name}=${encoded(value)}`).join('&')}`;

const place = fc.nat({ max: 100_000 });
const change = <Change>(changes: readonly Change[]) => fc.tuple(fc.constantFrom(...changes), place, place);

const rarely = <Value>(weight: number, arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(arbitrary, { freq: weight, nil: undefined });

/** Bends of one request; those that are chosen less often hide what others would find. */
const bends = fc.record({
  method: fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(...METHODS) }),
  target: fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.tuple(fc.constantFrom(...TARGET_PARTS), place), { minLength: 1, maxLength: 2 }) },
  ),
  headers: fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: fc.array(fc.constantFrom(...HEADERS), { minLength: 1, maxLength: 2 }) },
  ),
  tree: fc.oneof(fc.constant([]), fc.array(change(TREE_CHANGES), { minLength: 1, maxLength: 3 })),
  bytes: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(change(BYTE_CHANGES), { minLength: 1, maxLength: 2 }) },
  ),
  framing: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom<Framing[]>('exact', 'exact', 'chunked', 'gzip') },
    { weight: 1, arbitrary: fc.constantFrom(...(FRAMINGS as readonly Framing[])) },
  ),
  stray: rarely(30, fc.constantFrom('', '{}', 'x', '\u0000')),
});

export const bend = (allowed: fc.Arbitrary<Allowed>): fc.Arbitrary<Bent> =>
  fc.tuple(allowed, bends).map(([request, bent]) => {
    let target = plainTarget(request);
    for (const [part, at] of bent.target) {
      const from = 1 + (at % target.length);
      target = target.slice(0, from) + part + target.slice(from);
    }
    let body: Buffer | undefined;
    if (request.body !== undefined) {
      let tree = treeOf(request.body);
      for (const [apply, at, choice] of bent.tree) tree = apply(tree, at, choice);
      body = Buffer.from(textOf(tree));
      for (const [apply, at, choice] of bent.bytes) body = apply(body, at % (body.length + 1), choice);
    } else if (bent.stray !== undefined) body = Buffer.from(bent.stray);
    const headers = new Map<string, string>(body === undefined ? [] : [['Content-Type', 'application/scim+json']]);
    for (const [name, value] of bent.headers) headers.set(name, value);
    return { method: bent.method ?? request.method, target, headers: [...headers], body, framing: bent.framing };
  });
