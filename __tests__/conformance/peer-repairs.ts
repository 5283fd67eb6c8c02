import type { JsonObject } from '../../lib/protocol/document.js';
import type { Filter } from '../../lib/protocol/filter.js';
import type { AttributePath } from '../../lib/protocol/schema.js';
import type { FilterCase } from './peer-cases.js';

type Node = Filter<AttributePath>;

const mapLeaves = (node: Node, map: (leaf: Node) => Node): Node => {
  switch (node.kind) {
    case 'and':
    case 'or':
      return { ...node, operands: node.operands.map((operand) => mapLeaves(operand, map)) };
    case 'not':
      return { ...node, operand: mapLeaves(node.operand, map) };
    case 'valuePath':
      return { ...node, filter: mapLeaves(node.filter, map) };
    case 'compare':
    case 'present':
      return map(node);
  }
};

/** The case with all text in lower case, where case makes no difference. */
export const inLowerCase = ({ filter, resource }: FilterCase): FilterCase => ({
  filter: mapLeaves(filter, (leaf) =>
    leaf.kind === 'compare' && typeof leaf.value === 'string' ? { ...leaf, value: leaf.value.toLowerCase() } : leaf,
  ),
  resource: JSON.parse(JSON.stringify(resource), (key, value: unknown) =>
    typeof value === 'string' && key !== 'schemas' ? value.toLowerCase() : value,
  ) as JsonObject,
});

/** The case with `ne` written as the negation of `eq`. */
export const withoutUnequal = (found: FilterCase): FilterCase => ({
  ...found,
  filter: mapLeaves(found.filter, (leaf) =>
    leaf.kind === 'compare' && leaf.op === 'ne' ? { kind: 'not', operand: { ...leaf, op: 'eq' } } : leaf,
  ),
});

/** Whether any part of a filter, itself included, is one of those. */
export const has = (node: Node, isFound: (part: Node) => boolean): boolean => {
  if (isFound(node)) return true;
  if (node.kind === 'and' || node.kind === 'or') return node.operands.some((operand) => has(operand, isFound));
  return (node.kind === 'not' && has(node.operand, isFound)) || (node.kind === 'valuePath' && has(node.filter, isFound));
};
