import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Document, equalValues, isObject, type Json, type JsonObject } from '../../lib/protocol/document.js';
import { ScimError, type ScimErrorKind } from '../../lib/protocol/errors.js';
import { applyPatch } from '../../lib/protocol/patch.js';
import type { PatchOperation } from '../../lib/protocol/patch-request.js';
import { naivePatch, type Step } from '../support/naive-patch.js';
import { runs } from '../support/property-runs.js';
import { operationOf, step, storedDocument, TYPE } from './patch-arbitraries.js';

type Result = { readonly document: Document } | { readonly error: ScimErrorKind };

const patched = (document: JsonObject, operations: readonly PatchOperation[]): Result => {
  try {
    return { document: applyPatch(document, operations, TYPE) };
  } catch (error) {
    if (error instanceof ScimError) return { error: error.kind };
    throw error;
  }
};

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
};

const operations = fc.array(
  fc.tuple(step, fc.constantFrom('plain', 'shouted', 'qualified')).map(([written, spelling]) => operationOf(written, spelling)),
  { minLength: 1, maxLength: 4 },
);

const documentOf = (result: Result): Document => {
  if ('document' in result) return result.document;
  throw new Error(`refused with ${result.error}`);
};

/** What this design makes of an Entra PATCH and RFC 7644 3.5.2.3 refuses: a sub-attribute of an element that is not there. */
const makesAnElement = ({ op, target }: Step): boolean =>
  op !== 'remove' && target?.where !== undefined && target.sub !== undefined;

describe('a PATCH', () => {
  test('does what RFC 7644 3.5.2 says, read naively', () => {
    fc.assert(
      fc.property(
        storedDocument,
        fc.array(fc.tuple(step, fc.constantFrom('plain', 'shouted', 'qualified')), { minLength: 1, maxLength: 4 }),
        (document, written) => {
          const steps = written.map(([one]) => one);
          const outcomes = steps.map((_one, index) => naivePatch(document, steps.slice(0, index + 1), TYPE));
          // Where an element would be made, the two part on purpose: unit and conformance tests have it.
          const parting = outcomes.findIndex((outcome, index) => {
            const last = steps[index];
            return 'error' in outcome && outcome.error === 'noTarget' && last !== undefined && makesAnElement(last);
          });
          const length = parting < 0 ? steps.length : parting;
          const expected = naivePatch(document, steps.slice(0, length), TYPE);
          const sent = written.slice(0, length).map(([one, spelling]) => operationOf(one, spelling));
          expect(patched(document, sent)).toEqual(expected);
        },
      ),
      runs(1000),
    );
  });

  test('of several operations is the operations one by one, and leaves its input as it was', () => {
    fc.assert(
      fc.property(storedDocument, operations, (document, sent) => {
        const before = structuredClone(document);
        const all = patched(frozen(document), frozen(sent));
        let now: Result = { document: { ...document } };
        for (const operation of sent) {
          if ('error' in now) break;
          now = patched(now.document, [operation]);
        }
        expect(all).toEqual(now);
        expect(document).toEqual(before);
      }),
      runs(500),
    );
  });

  test('that fails in its last operation changes nothing', () => {
    const failing = fc.constantFrom<PatchOperation>(
      { op: 'replace', path: 'active', value: 7 },
      { op: 'replace', path: 'displayName', value: { a: 1 } },
      { op: 'add', path: 'emails', value: [7] },
      { op: 'remove', path: 'userName' },
      { op: 'replace', path: 'id', value: 'x' },
      { op: 'replace', path: 'favouriteColour', value: 'x' },
      { op: 'replace', path: 'emails[value eq "nobody"]', value: { value: 'x' } },
      { op: 'replace', path: 'emails[', value: 'x' },
    );
    fc.assert(
      fc.property(storedDocument, operations, failing, (document, sent, last) => {
        const before = structuredClone(document);
        expect(patched(frozen(document), frozen([...sent, last]))).toHaveProperty('error');
        expect(document).toEqual(before);
      }),
      runs(300),
    );
  });

  test('that replaces says the same twice', () => {
    const replacing = step.filter(({ op, target }) => op === 'replace' && target?.where === undefined);
    fc.assert(
      fc.property(storedDocument, replacing, (document, written) => {
        const operation = operationOf(written, 'plain');
        const once = patched(document, [operation]);
        fc.pre('document' in once);
        expect(patched(documentOf(once), [operation])).toEqual(once);
        expect(patched(document, [operation, operation])).toEqual(once);
      }),
      runs(500),
    );
  });

  test('that takes what told two elements apart leaves one of them', () => {
    const roles = [{ value: 'a', display: 'x' }, { value: 'a' }];
    const operation: PatchOperation = { op: 'remove', path: 'roles.display' };
    expect(patched({ userName: 'u', roles }, [operation])).toEqual({ document: { userName: 'u', roles: [{ value: 'a' }] } });
  });

  test('that adds a new element and removes it again leaves everything as it was', () => {
    fc.assert(
      fc.property(storedDocument, fc.constantFrom('emails', 'roles'), fc.constantFrom('work', 'x'), (document, name, type) => {
        const value = 'never seen before';
        const added = patched(document, [{ op: 'add', path: name, value: [{ value, type }] }]);
        const elements = documentOf(added)[name];
        expect(Array.isArray(elements) && elements.at(-1)).toEqual({ value, type });
        const removed = patched(documentOf(added), [{ op: 'remove', path: `${name}[value eq "${value}"]` }]);
        expect(removed).toEqual({ document });
      }),
      runs(300),
    );
  });

  test('that makes one element primary leaves no other one primary', () => {
    const primaries = (value: Json | undefined): readonly Json[] =>
      Array.isArray(value) ? (value as readonly Json[]).filter((element) => isObject(element) && element.primary === true) : [];
    fc.assert(
      fc.property(storedDocument, fc.constantFrom('emails', 'roles', 'addresses'), fc.boolean(), (document, name, selects) => {
        const fresh = { type: 'never seen before' };
        const sent: PatchOperation[] = selects
          ? [
              { op: 'add', path: name, value: [fresh] },
              { op: 'replace', path: `${name}[type eq "${fresh.type}"].primary`, value: true },
            ]
          : [{ op: 'add', path: name, value: [{ ...fresh, primary: true }] }];
        const result = documentOf(patched(document, sent))[name];
        expect(primaries(result)).toEqual([{ ...fresh, primary: true }]);
      }),
      runs(300),
    );
  });

  test('that states what is so already is no change', () => {
    const echo = (document: JsonObject): fc.Arbitrary<PatchOperation> => {
      const names = Object.keys(document);
      return fc.tuple(fc.constantFrom(...names), fc.constantFrom('add', 'replace'), fc.boolean()).map(([name, op, hasPath]) => {
        const value = document[name] ?? null;
        return hasPath && !name.startsWith('urn:') ? { op, path: name, value } : { op, value: { [name]: value } };
      });
    };
    const scene = storedDocument.chain((document) =>
      fc.tuple(fc.constant(document), fc.array(echo(document), { minLength: 1, maxLength: 3 })),
    );
    fc.assert(
      fc.property(scene, ([document, sent]) => {
        const result = documentOf(patched(document, sent));
        expect(equalValues(result, document)).toBe(true);
      }),
      runs(500),
    );
  });
});
