import { describe, expect, test } from '@jest/globals';
import { fileScope, Scope, UnresolvedVariable } from '../conformance/replay-variables.js';

const target = { baseUrl: 'http://127.0.0.1:1/scim', token: 'secret' };

describe('variables', () => {
  test('a text of one variable keeps its type, a variable within a text does not', () => {
    const scope = new Scope();
    scope.set('n', 3);
    scope.set('list', ['a', 'b']);
    scope.set('i', 1);
    expect(scope.resolve({ a: '{{n}}', b: 'n={{n}}', c: '{{list}}', d: '{{list[0]}}', e: '{{list[i]}}', f: null })).toEqual({
      a: 3,
      b: 'n=3',
      c: ['a', 'b'],
      d: 'a',
      e: 'b',
      f: null,
    });
  });

  test('|url percent-encodes', () => {
    const scope = new Scope();
    scope.set('mail', 'a+b@x y');
    expect(scope.text('/Users?filter={{mail|url}}')).toBe('/Users?filter=a%2Bb%40x%20y');
  });

  test('what the runner makes is new in each file, and $uuid is fresh at each place in vars', () => {
    const vars = { a: '{{$uuid}}', b: '{{$uuid}}', c: 'x.{{$rand}}', d: '{{c}}.y', e: '{{$RAND}}' };
    const one = fileScope(vars, target);
    const two = fileScope(vars, target);
    expect(one.get('$rand')).toMatch(/^[a-z0-9]{10}$/);
    expect(one.get('$rand')).not.toBe(two.get('$rand'));
    expect(one.get('a')).not.toBe(one.get('b'));
    expect(one.text('{{$uuid}}')).toBe(one.text('{{$uuid}}'));
    expect(one.get('d')).toBe(one.text('x.{{$rand}}.y'));
    expect(one.get('e')).toBe(one.text('{{$rand}}').toUpperCase());
    expect(one.text('{{$token}} {{$base}}')).toBe('secret http://127.0.0.1:1/scim');
  });

  test('$each makes one item for each element, $slice takes a part', () => {
    const scope = new Scope();
    scope.set('ids', ['a', 'b', 'c']);
    const item = { value: '{{x}}', $ref: null };
    expect(scope.resolve({ $each: 'ids', as: 'x', item })).toEqual(['a', 'b', 'c'].map((value) => ({ value, $ref: null })));
    expect(scope.resolve({ $each: { $slice: 'ids', from: 1, to: 3 }, as: 'x', item: '{{x}}' })).toEqual(['b', 'c']);
  });

  test('a name that nothing has set is an error', () => {
    const scope = new Scope();
    scope.set('ids', ['a']);
    scope.set('i', 1);
    expect(() => scope.resolve('{{nobody}}')).toThrow(UnresolvedVariable);
    expect(() => scope.text('x{{ids[i]}}')).toThrow('unresolved variable ids[i]');
  });
});
