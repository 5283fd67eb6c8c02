import { describe, expect, test } from '@jest/globals';
import type { Json } from '../conformance/replay-format.js';
import { mismatches } from '../conformance/replay-matchers.js';

const reasons = (expected: Json, actual: Json | undefined): readonly string[] => mismatches(expected, actual, new Map());

describe('matchers', () => {
  const cases: readonly (readonly [
    expected: Json,
    holds: readonly (Json | undefined)[],
    fails: readonly (Json | undefined)[],
  ])[] = [
    ['a', ['a'], ['A', 1, null, undefined]],
    [false, [false], ['false', 'False', 0, undefined]],
    [1, [1], ['1', true]],
    [null, [null], [undefined, '']],
    [{ a: 1 }, [{ a: 1, b: 2 }], [{ b: 2 }, { a: '1' }, [], 'a', undefined]],
    [[1, { a: 2 }], [[1, { a: 2, b: 3 }]], [[1], [1, { a: 2 }, 3], [{ a: 2 }, 1], { 0: 1 }, undefined]],
    [[], [[]], [[1], undefined, null]],
    [{ $any: true }, ['', 0, false, [], {}], [null, undefined]],
    [{ $capture: 'x' }, ['a', 0], [null, undefined]],
    [{ $absent: true }, [undefined, null, [], '', {}], ['a', 0, false, [1], { a: null }]],
    [{ $contains: [{ v: 1 }, { v: 2 }] }, [[{ v: 2 }, { v: 3 }, { v: 1 }]], [[{ v: 1 }], [], undefined, { v: 1 }]],
    [{ $excludes: [{ v: 1 }] }, [[{ v: 2 }], [], undefined, null], [[{ v: 2 }, { v: 1, w: 0 }], 'x']],
    [{ $length: 2 }, [[1, 2]], [[1], undefined, 'ab']],
    [{ $length: 0 }, [[], undefined, null], [[1], '', {}]],
    [{ $type: 'number' }, [1], ['1', null, undefined]],
    [{ $type: 'object' }, [{}], [null, []]],
    [{ $type: 'array' }, [[]], [{}, undefined]],
    [{ $match: '^application/scim\\+json' }, ['Application/SCIM+json; charset=utf-8'], ['text/html', undefined]],
    [{ $match: '^4' }, [404], [500, null, ['4']]],
    [{ $oneOf: ['a', { $absent: true }] }, ['a', undefined], ['b', 1]],
    [{ $gte: 2 }, [2, 3], [1, '3', undefined]],
    [{ $lte: 2 }, [2, 1], [3, '1', undefined]],
    [{ $not: 'a' }, ['b', undefined], ['a']],
    [{ $ieq: 'A@b' }, ['a@B'], ['a', 1, undefined]],
    [{ $all: [{ $length: 1 }, { $contains: ['a'] }] }, [['a']], [['b'], ['a', 'b'], undefined]],
    [{ $any: true, $type: 'number' }, [1], ['1', undefined]],
    [{ $ref: { $match: '/Users/1$' } }, [{ $ref: 'http://x/Users/1' }], [{ $ref: null }, {}]],
  ];

  test.each(cases)('%j tells right from wrong', (expected, holds, fails) => {
    for (const actual of holds) expect(reasons(expected, actual)).toEqual([]);
    for (const actual of fails) expect(reasons(expected, actual)).not.toEqual([]);
  });

  test('a reason names the place, what is expected and what is there', () => {
    expect(reasons({ emails: [{ value: 'a' }] }, { emails: [{ value: 'b' }] })).toEqual([
      'body.emails[0].value: "a" expected, but it is "b"',
    ]);
    expect(reasons({ meta: { version: { $any: true } } }, { meta: {} })).toEqual([
      'body.meta.version: any value expected, but it is nothing',
    ]);
  });

  test('every wrong key is reported, not only the first', () => {
    expect(reasons({ a: 1, b: 2, c: 3 }, { a: 2, b: 2 })).toHaveLength(2);
  });

  test('a misspelt matcher is an error of the replay, not a free pass', () => {
    expect(() => reasons({ $lenght: 2 }, {})).toThrow('unknown matcher $lenght');
    expect(() => reasons({ $contains: 'a' }, ['a'])).toThrow('$contains needs a list');
  });

  test('captures are kept when another key is wrong, but not from an alternative that does not hold', () => {
    const captures = new Map<string, Json>();
    const expected = {
      id: { $capture: 'id' },
      active: true,
      list: { $contains: [{ kind: 'b', id: { $capture: 'b' } }] },
      other: { $oneOf: [{ id: { $capture: 'wrong' }, kind: 'x' }, { $absent: true }] },
    };
    const actual = {
      id: 7,
      active: false,
      list: [
        { id: 1, kind: 'a' },
        { id: 2, kind: 'b' },
      ],
      other: { id: 3, kind: 'y' },
    };
    expect(mismatches(expected, actual, captures)).toHaveLength(2);
    expect([...captures]).toEqual([
      ['id', 7],
      ['b', 2],
    ]);
  });
});
