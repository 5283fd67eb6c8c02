import { describe, expect, test } from '@jest/globals';
import { readReplay } from '../conformance/replay-format.js';

describe('the format', () => {
  const file = (step: object): string =>
    JSON.stringify({ name: 'n', sentBy: 's', source: 'o', steps: [{ title: 't', method: 'GET', path: '/', ...step }] });

  test('a key that does not exist is refused', () => {
    expect(() => readReplay(file({ expect: { status: [200], boddy: {} } }))).toThrow('unknown key "boddy"');
    expect(() => readReplay(file({ expects: {} }))).toThrow('unknown key "expects"');
  });

  test('a step without a status is refused', () => {
    expect(() => readReplay(file({ expect: { status: [] } }))).toThrow('status');
    expect(() => readReplay(file({ expect: { status: ['200'] } }))).toThrow('status');
  });
});
