import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Json, JsonObject } from '../../lib/protocol/document.js';
import { type MemberSets, needsMembers, patchGroup } from '../../lib/protocol/group-patch.js';
import type { PatchOperation } from '../../lib/protocol/patch-request.js';
import { GROUP_URN } from '../../lib/protocol/resource-schemas.js';
import { runs } from '../support/property-runs.js';

/** What one operation does to a plain list of members, and how a client writes it. */
interface Change {
  readonly operation: PatchOperation;
  readonly apply: (members: readonly JsonObject[], before: readonly JsonObject[]) => readonly JsonObject[];
  readonly displayName?: string;
}

const IDS = ['1', '2', '3', '4', 'A', 'a'];
const DISPLAYS = ['Ann', 'anton', 'Bo'];

const id = fc.constantFrom(...IDS);
const ids = fc.uniqueArray(id, { maxLength: 4 });
const elements = (list: readonly string[]): Json => list.map((value) => ({ value, type: 'User' }));
const path = fc.constantFrom('members', 'MEMBERS', `${GROUP_URN}:members`);

/** A member is shown as before the request, who left and came back within it included; of who was none only the id is known. */
const member = (value: string, known: readonly JsonObject[]): JsonObject =>
  known.find((one) => one.value === value) ?? { value, type: 'User' };
const withAll = (
  members: readonly JsonObject[],
  list: readonly string[],
  known: readonly JsonObject[],
): readonly JsonObject[] => [
  ...members,
  ...list.filter((value) => !members.some((one) => one.value === value)).map((value) => member(value, known)),
];
const without =
  (isGone: (member: JsonObject) => boolean) =>
  (members: readonly JsonObject[]): readonly JsonObject[] =>
    members.filter((one) => !isGone(one));

const addition = fc.tuple(path, ids).map(
  ([at, list]): Change => ({
    operation: { op: 'add', path: at, value: elements(list) },
    apply: (members, known) => withAll(members, list, known),
  }),
);
const replacement = fc.tuple(path, ids).map(
  ([at, list]): Change => ({
    operation: { op: 'replace', path: at, value: elements(list) },
    apply: (_members, known) => withAll([], list, known),
  }),
);
const emptying = path.map((at): Change => ({ operation: { op: 'remove', path: at }, apply: () => [] }));
const removal = fc.tuple(path, fc.uniqueArray(id, { minLength: 1, maxLength: 3 })).map(
  ([at, list]): Change => ({
    operation: { op: 'remove', path: `${at}[${list.map((value) => `value eq "${value}"`).join(' or ')}]` },
    apply: without(({ value }) => list.some((gone) => gone === value)),
  }),
);
const removalByFilter = fc.oneof(
  fc.constantFrom('A', 'b').map(
    (start): Change => ({
      operation: { op: 'remove', path: `members[display sw "${start}"]` },
      apply: without(({ display }) =>
        String(display ?? '')
          .toLowerCase()
          .startsWith(start.toLowerCase()),
      ),
    }),
  ),
  id.map(
    (kept): Change => ({
      operation: { op: 'remove', path: `members[not (value eq "${kept}")]` },
      apply: without(({ value }) => value !== kept),
    }),
  ),
);
const pathless = fc
  .tuple(fc.constantFrom('add' as const, 'replace' as const), fc.option(ids), fc.option(fc.constantFrom('x', 'y')))
  .map(
    ([op, list, displayName]): Change => ({
      operation: {
        op,
        value: { ...(list === null ? {} : { members: elements(list) }), ...(displayName === null ? {} : { displayName }) },
      },
      apply: (members, known) => (list === null ? members : withAll(op === 'add' ? members : [], list, known)),
      ...(displayName === null ? {} : { displayName }),
    }),
  );
const rename = fc.constantFrom('x', 'y').map(
  (displayName): Change => ({
    operation: { op: 'replace', path: 'displayName', value: displayName },
    apply: (members) => members,
    displayName,
  }),
);

const changes = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: addition },
    { weight: 4, arbitrary: removal },
    { weight: 2, arbitrary: replacement },
    { weight: 1, arbitrary: emptying },
    { weight: 2, arbitrary: removalByFilter },
    { weight: 3, arbitrary: pathless },
    { weight: 1, arbitrary: rename },
  ),
  { minLength: 1, maxLength: 7 },
);

const before = fc
  .uniqueArray(id, { maxLength: 5 })
  .chain((list) =>
    fc.tuple(...list.map((value) => fc.constantFrom(...DISPLAYS).map((display) => ({ value, type: 'User', display })))),
  );

const applied = (sets: MemberSets | undefined, members: readonly JsonObject[]): readonly string[] => {
  const now = members.map(({ value }) => String(value));
  if (sets === undefined) return now.sort();
  const kept = sets.exact ? [] : now.filter((value) => !sets.remove.includes(value));
  return [...new Set([...kept, ...sets.add])].sort();
};

const idsOf = (members: readonly JsonObject[]): readonly string[] => members.map(({ value }) => String(value)).sort();

describe('a PATCH of a group', () => {
  const document = { displayName: 'before' };

  test('leaves the members that its operations leave one by one', () => {
    fc.assert(
      fc.property(before, changes, (members, all) => {
        const operations = all.map(({ operation }) => operation);
        const result = patchGroup(document, operations, members);
        const expected = all.reduce<readonly JsonObject[]>((now, { apply }) => apply(now, members), members);
        expect(applied(result.members, members)).toEqual(idsOf(expected));
        expect(result.document).toEqual({
          displayName: all.findLast((change) => change.displayName !== undefined)?.displayName ?? 'before',
        });
      }),
      runs(1000),
    );
  });

  test('needs the members only where it says so, and never both adds and removes one', () => {
    fc.assert(
      fc.property(before, changes, (members, all) => {
        const operations = all.map(({ operation }) => operation);
        const { members: sets } = patchGroup(document, operations, members);
        if (!needsMembers(operations)) expect(patchGroup(document, operations, []).members).toEqual(sets);
        expect(sets?.add.filter((value) => sets.remove.includes(value)) ?? []).toEqual([]);
        if (sets?.exact) expect(sets.remove).toEqual([]);
      }),
      runs(500),
    );
  });

  test('touches nobody where it names no members', () => {
    fc.assert(
      fc.property(before, fc.array(rename, { minLength: 1, maxLength: 3 }), (members, all) => {
        expect(
          patchGroup(
            document,
            all.map(({ operation }) => operation),
            members,
          ).members,
        ).toBeUndefined();
      }),
      runs(50),
    );
  });
});
