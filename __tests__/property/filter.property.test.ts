import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ScimError } from '../../lib/protocol/errors.js';
import { type Filter, formatFilter, parseFilter, resolveFilter } from '../../lib/protocol/filter.js';
import { ENTERPRISE_SCHEMA, USER_RESOURCE_TYPE } from '../../lib/protocol/resource-schemas.js';
import type { AttributePath } from '../../lib/protocol/schema.js';
import { OPERATORS } from './filter-arbitraries.js';

describe('a filter as text', () => {
  const name = fc.stringMatching(/^\$?[a-zA-Z][a-zA-Z0-9_-]{0,8}$/);
  const path: fc.Arbitrary<AttributePath> = fc.record(
    { urn: fc.constantFrom('urn:a:b', ENTERPRISE_SCHEMA.id), name, sub: name },
    { requiredKeys: ['name'] },
  );
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('"', '\\', '\u0000', '\ud800', '\udc00', '\n', '\u2028', 'é', '😀', ')', ']') }),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  );
  const leaf: fc.Arbitrary<Filter<AttributePath>> = fc.oneof(
    fc.record({ kind: fc.constant('compare'), op: fc.constantFrom(...OPERATORS), path, value }),
    fc.record({ kind: fc.constant('present'), path }),
  );
  const group = (self: fc.Arbitrary<Filter<AttributePath>>): fc.Arbitrary<Filter<AttributePath>>[] => [
    fc.record({ kind: fc.constantFrom('and', 'or'), operands: fc.array(self, { minLength: 2, maxLength: 3 }) }),
    fc.record({ kind: fc.constant('not'), operand: self }),
  ];
  const { inElement } = fc.letrec<{ inElement: Filter<AttributePath> }>((tie) => ({
    inElement: fc.oneof({ maxDepth: 3 }, leaf, ...group(tie('inElement'))),
  }));
  const { filter } = fc.letrec<{ filter: Filter<AttributePath> }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.record({ kind: fc.constant('valuePath'), path, filter: inElement }),
      ...group(tie('filter')),
    ),
  }));

  test('reads back as the filter that was written', () => {
    fc.assert(
      fc.property(filter, (generated) => {
        const text = formatFilter(generated);
        fc.pre(text.length <= 10_000);
        expect(parseFilter(text)).toEqual(generated);
      }),
    );
  });

  test('is read, or refused with invalidFilter, whatever it holds', () => {
    const pieces = fc.constantFrom(
      'userName',
      ' ',
      'eq',
      '"',
      '"x"',
      '\\',
      '(',
      ')',
      '[',
      ']',
      'not',
      'and',
      'or',
      'pr',
      '.value',
      'emails',
      '1',
      'null',
      ':',
      'urn:',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces).map((all) => all.join('')),
          fc.array(pieces).map((all) => all.join(' ')),
        ),
        (text) => {
          try {
            resolveFilter(USER_RESOURCE_TYPE, parseFilter(text));
          } catch (error) {
            expect(error instanceof ScimError && error.kind).toBe('invalidFilter');
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
