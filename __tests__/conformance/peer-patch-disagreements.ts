import { isObject, type Json, type JsonObject } from '../../lib/protocol/document.js';
import { ENTERPRISE_URN } from '../../lib/protocol/resource-schemas.js';
import type { PatchCase } from './peer-cases.js';
import type { Side } from './peer-disagreements.js';
import type { Outcome, PatchPeer } from './peers.js';

/** One cause for which a PATCH leaves something else here than there; the test refuses any other. */
export interface PatchDisagreement {
  readonly cause: string;
  readonly peers: readonly PatchPeer[];
  readonly section: string;
  readonly side: Side;
  readonly because: string;
  readonly example: PatchCase;
  /** What the two leave, as far as it differs. */
  readonly ours: string;
  readonly theirs: string;
  /** Whether the cause can be at work in a generated case. */
  readonly applies: (found: PatchCase, ours: Outcome, theirs: Outcome) => boolean;
  /** What is left of an outcome where the cause has no say; undefined: it accounts for everything. */
  readonly apart: ((outcome: JsonObject) => JsonObject) | undefined;
}

const without =
  (...names: readonly string[]) =>
  (outcome: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(outcome).filter(([name]) => !names.includes(name)));

const elementsOf = (document: JsonObject): readonly JsonObject[] =>
  Array.isArray(document.emails) ? (document.emails as readonly Json[]).filter(isObject) : [];

const withoutPrimary = (outcome: JsonObject): JsonObject => ({
  ...outcome,
  emails: elementsOf(outcome).map(({ primary: _primary, ...rest }) => rest),
});

const WORK = { value: 'ann@x.example', type: 'work', primary: true };
const HOME = { value: 'bo@x.example', type: 'home' };
const selects = ({ operation }: PatchCase): boolean => operation.path?.includes('[') ?? false;
const hasNoMatch = ({ document, operation }: PatchCase): boolean => {
  const [, name, value] = /\[(\w+) eq "([^"]*)"\]/.exec(operation.path ?? '') ?? [];
  return (
    name !== undefined && !elementsOf(document).some((element) => String(element[name]).toLowerCase() === value?.toLowerCase())
  );
};
const states = ({ operation }: PatchCase, name: string): boolean =>
  operation.path === name || (operation.path === undefined && isObject(operation.value) && operation.value[name] !== undefined);

export const PATCH_DISAGREEMENTS: readonly PatchDisagreement[] = [
  {
    cause: 'A new primary takes it from the others',
    peers: ['scim-patch', 'scimmy'],
    section: 'RFC 7644 3.5.2',
    side: 'ours',
    because: '"… SHALL cause the server to automatically set primary to false for any other values": the peers leave two.',
    example: {
      document: { userName: 'ann', emails: [WORK] },
      operation: { op: 'add', path: 'emails', value: [{ ...HOME, primary: true }] },
    },
    ours: '{"emails":[{"primary":false,"type":"work","value":"ann@x.example"},{"primary":true,"type":"home","value":"bo@x.example"}]}',
    theirs:
      '{"emails":[{"primary":true,"type":"work","value":"ann@x.example"},{"primary":true,"type":"home","value":"bo@x.example"}]}',
    applies: ({ operation }) => (JSON.stringify(operation.value) ?? '').includes('true'),
    apart: withoutPrimary,
  },
  {
    cause: 'The filter of a path compares without case',
    peers: ['scim-patch', 'scimmy'],
    section: 'RFC 7644 3.5.2, 3.4.2.2; RFC 7643 7 (caseExact)',
    side: 'ours',
    because: 'The same rules as for a filter in a query: the value of an e-mail is not caseExact.',
    example: {
      document: { userName: 'ann', emails: [WORK] },
      operation: { op: 'remove', path: 'emails[value eq "ANN@x.example"]' },
    },
    ours: '{}',
    theirs: '{"emails":[{"primary":true,"type":"work","value":"ann@x.example"}]}',
    applies: (found) => /\[value eq/.test(found.operation.path ?? '') && !hasNoMatch(found),
    apart: without('emails'),
  },
  {
    cause: 'To remove what is not there is no error',
    peers: ['scim-patch'],
    section: 'RFC 7644 3.5.2.2',
    side: 'ours',
    because:
      'The section knows noTarget for a missing path only, and what was asked for is so: a repeated request has to succeed. Table 9 of 3.12 can be read the other way.',
    example: { document: { userName: 'ann' }, operation: { op: 'remove', path: 'emails[type eq "work"]' } },
    ours: '{"userName":"ann"}',
    theirs: 'refused',
    applies: (found, _ours, theirs) => found.operation.op === 'remove' && theirs === 'refused' && hasNoMatch(found),
    apart: undefined,
  },
  {
    cause: 'A value path without a match makes no whole element',
    peers: ['scimmy'],
    section: 'RFC 7644 3.5.2.3 ("noTarget")',
    side: 'ours',
    because: 'The RFC demands the failure; the peer adds the element.',
    example: { document: { userName: 'ann' }, operation: { op: 'replace', path: 'emails[type eq "work"]', value: WORK } },
    ours: 'refused',
    theirs: '{"emails":[{"primary":true,"type":"work","value":"ann@x.example"}],"userName":"ann"}',
    applies: (found, ours) => ours === 'refused' && found.operation.path?.endsWith(']') === true && hasNoMatch(found),
    apart: undefined,
  },
  {
    cause: 'A sub-attribute behind eq without a match makes the element',
    peers: ['scimmy'],
    section: 'RFC 7644 3.5.2.3 ("noTarget")',
    side: 'theirs',
    because: 'Entra sends this to create an e-mail and has no other way; scim-patch does the same. By the letter it is noTarget.',
    example: {
      document: { userName: 'ann' },
      operation: { op: 'replace', path: 'emails[type eq "work"].value', value: 'ann@x.example' },
    },
    ours: '{"emails":[{"type":"work","value":"ann@x.example"}],"userName":"ann"}',
    theirs: 'refused',
    applies: (found, _ours, theirs) => theirs === 'refused' && selects(found) && hasNoMatch(found),
    apart: undefined,
  },
  {
    cause: 'Replacing a selected element replaces all of it',
    peers: ['scim-patch'],
    section: 'RFC 7644 3.5.2.3 ("all matching record values SHALL be replaced")',
    side: 'ours',
    because: 'The record is the value that is replaced; the peer keeps what the new one does not name.',
    example: {
      document: { userName: 'ann', emails: [WORK] },
      operation: { op: 'replace', path: 'emails[type eq "work"]', value: { value: 'bo@x.example' } },
    },
    ours: '{"emails":[{"value":"bo@x.example"}]}',
    theirs: '{"emails":[{"primary":true,"type":"work","value":"bo@x.example"}]}',
    applies: (found) => found.operation.op === 'replace' && found.operation.path?.endsWith(']') === true && !hasNoMatch(found),
    apart: without('emails'),
  },
  {
    cause: 'A replaced element stays where it was',
    peers: ['scimmy'],
    section: 'RFC 7643 2.4',
    side: 'ours',
    because:
      'Order means nothing in a list, so the peer is free to put it at the end; a list that keeps its order shows less change.',
    example: {
      document: { userName: 'ann', emails: [HOME, WORK] },
      operation: { op: 'replace', path: 'emails[type eq "home"]', value: { ...HOME, display: 'Bo' } },
    },
    ours: '{"emails":[{"display":"Bo","type":"home","value":"bo@x.example"},{"primary":true,"type":"work","value":"ann@x.example"}]}',
    theirs:
      '{"emails":[{"primary":true,"type":"work","value":"ann@x.example"},{"display":"Bo","type":"home","value":"bo@x.example"}]}',
    applies: (found) => found.operation.op === 'replace' && found.operation.path?.endsWith(']') === true && !hasNoMatch(found),
    apart: without('emails'),
  },
  {
    cause: 'No element is made of primary alone',
    peers: ['scim-patch'],
    section: 'RFC 7644 3.5.2.3 ("noTarget")',
    side: 'ours',
    because: 'The element would have no value, and would take primary from one that has; noTarget, as the letter says.',
    example: {
      document: { userName: 'ann', emails: [WORK] },
      operation: { op: 'replace', path: 'emails[type eq "home"].primary', value: true },
    },
    ours: 'refused',
    theirs: '{"emails":[{"primary":true,"type":"work","value":"ann@x.example"},{"primary":true,"type":"home"}],"userName":"ann"}',
    applies: (found, ours) => ours === 'refused' && found.operation.path?.endsWith('].primary') === true && hasNoMatch(found),
    apart: undefined,
  },
  {
    cause: 'Replacing a complex attribute keeps what the value does not name',
    peers: ['scimmy'],
    section: 'RFC 7644 3.5.2.3 ("a set of sub-attributes SHALL be specified")',
    side: 'ours',
    because: 'The sub-attributes that are named are replaced or added; the peer forgets the others.',
    example: {
      document: { userName: 'ann', name: { givenName: 'Ann', familyName: 'Bo' } },
      operation: { op: 'replace', path: 'name', value: { givenName: 'Anna' } },
    },
    ours: '{"name":{"familyName":"Bo","givenName":"Anna"}}',
    theirs: '{"name":{"givenName":"Anna"}}',
    applies: ({ operation }) => operation.op === 'replace' && operation.path === 'name',
    apart: without('name'),
  },
  {
    cause: 'Without a path a complex attribute is treated as with one',
    peers: ['scim-patch'],
    section: 'RFC 7644 3.5.2.1, 3.5.2.3',
    side: 'ours',
    because:
      'The value holds "a set of attributes" to be added or replaced; with a path the peer keeps the other sub-attributes too.',
    example: {
      document: { userName: 'ann', name: { givenName: 'Ann', familyName: 'Bo' } },
      operation: { op: 'add', value: { name: { givenName: 'Anna' } } },
    },
    ours: '{"name":{"familyName":"Bo","givenName":"Anna"}}',
    theirs: '{"name":{"givenName":"Anna"}}',
    applies: (found) => found.operation.path === undefined && states(found, 'name'),
    apart: without('name'),
  },
  {
    cause: 'Without a path a URN is a key as it stands',
    peers: ['scim-patch'],
    section: 'RFC 7644 3.5.2.1, RFC 7643 3.3',
    side: 'ours',
    because:
      'The value has the form of a resource, where an extension stands under its whole URN; the peer cuts the URN at its last colon.',
    example: {
      document: { userName: 'ann' },
      operation: { op: 'add', value: { [ENTERPRISE_URN]: { department: 'Dev' } } },
    },
    ours: '{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Dev"}}',
    theirs: '{"urn:ietf:params:scim:schemas:extension:enterprise:2.0":{"User":{"department":"Dev"}}}',
    applies: (found) => found.operation.path === undefined && states(found, ENTERPRISE_URN),
    apart: without(ENTERPRISE_URN, ENTERPRISE_URN.slice(0, ENTERPRISE_URN.lastIndexOf(':'))),
  },
  {
    cause: 'A replace without a path replaces the values of a list',
    peers: ['scimmy'],
    section: 'RFC 7644 3.5.2.3',
    side: 'ours',
    because: '"The attribute and all values are replaced"; the peer adds to them.',
    example: { document: { userName: 'ann', emails: [WORK] }, operation: { op: 'replace', value: { emails: [HOME] } } },
    ours: '{"emails":[{"type":"home","value":"bo@x.example"}]}',
    theirs: '{"emails":[{"primary":true,"type":"work","value":"ann@x.example"},{"type":"home","value":"bo@x.example"}]}',
    applies: (found) => found.operation.op === 'replace' && found.operation.path === undefined && states(found, 'emails'),
    apart: without('emails'),
  },
  {
    cause: 'A value that is there already is not added again',
    peers: ['scim-patch', 'scimmy'],
    section: 'RFC 7644 3.5.2.1 ("no changes SHOULD be made"), RFC 7643 2.4',
    side: 'ours',
    because: 'A list holds no value twice; scim-patch looks only where a path adds.',
    example: { document: { userName: 'ann', emails: [WORK] }, operation: { op: 'add', value: { emails: [WORK] } } },
    ours: '{"emails":[{"primary":true,"type":"work","value":"ann@x.example"}]}',
    theirs:
      '{"emails":[{"primary":true,"type":"work","value":"ann@x.example"},{"primary":true,"type":"work","value":"ann@x.example"}]}',
    applies: (found) => states(found, 'emails') || selects(found),
    apart: (outcome) => ({
      ...outcome,
      emails: [...new Map(elementsOf(outcome).map((element) => [JSON.stringify(element), element])).values()],
    }),
  },
];
