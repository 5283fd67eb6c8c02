import { type Filter, formatFilter } from '../../lib/protocol/filter.js';
import { ENTERPRISE_URN, USER_URN } from '../../lib/protocol/resource-schemas.js';
import type { AttributePath } from '../../lib/protocol/schema.js';
import type { FilterCase } from './peer-cases.js';
import { has, inLowerCase, withoutUnequal } from './peer-repairs.js';
import type { FilterPeer, Verdict } from './peers.js';

/** Whom the section cited speaks for. `theirs` is a decision of ours against the letter, with its reason. */
export type Side = 'ours' | 'theirs';

/** One cause for which filters have another result here than there; the test refuses any other. */
export interface FilterDisagreement {
  readonly cause: string;
  readonly section: string;
  readonly side: Side;
  readonly because: string;
  /** Hand-picked filters on `PERSON` of peer-cases, with what the peers make of them; who is not named agrees with us. */
  readonly examples: readonly {
    readonly filter: string;
    readonly ours: Verdict;
    readonly theirs: Partial<Record<FilterPeer, Verdict>>;
  }[];
  /** The generated case without the cause: there all have to agree. */
  readonly repair?: (found: FilterCase) => FilterCase;
  /** Generated cases that the cause alone accounts for. */
  readonly excuses?: (found: FilterCase, peer: FilterPeer, theirs: Verdict) => boolean;
}

const isOnEmails = (part: Filter<AttributePath>): boolean => 'path' in part && part.path.name === 'emails';

export const FILTER_DISAGREEMENTS: readonly FilterDisagreement[] = [
  {
    cause: 'Text without caseExact compares without case',
    section: 'RFC 7644 3.4.2.2, RFC 7643 7 (caseExact)',
    side: 'ours',
    because: 'The schema decides, and caseExact is false for userName and most others; the peers know no schema here.',
    examples: [
      { filter: 'userName eq "ANN"', ours: 'match', theirs: { 'scim2-parse-filter': 'no match', scimmy: 'no match' } },
      { filter: 'userName ne "ANN"', ours: 'no match', theirs: { 'scim2-parse-filter': 'match', scimmy: 'match' } },
      { filter: 'userName lt "ann"', ours: 'no match', theirs: { 'scim2-parse-filter': 'match', scimmy: 'match' } },
    ],
    repair: inLowerCase,
  },
  {
    cause: 'What is absent is not equal to anything',
    section: 'RFC 7644 3.4.2.2 (ne), RFC 7643 2.5',
    side: 'ours',
    because: 'An unassigned attribute and a value are not identical, so ne holds.',
    examples: [
      { filter: 'nickName ne "x"', ours: 'match', theirs: { 'scim2-parse-filter': 'no match' } },
      { filter: 'nickName eq null', ours: 'match', theirs: { 'scim2-parse-filter': 'no match' } },
      { filter: 'emails[primary ne true]', ours: 'match', theirs: { 'scim2-parse-filter': 'no match' } },
    ],
    repair: withoutUnequal,
  },
  {
    cause: 'An element without the sub-attribute has no value that could differ',
    section: 'RFC 7644 3.4.2.2 ("matches if any of the values")',
    side: 'ours',
    because: 'ne looks for a value that is not identical; the peer counts a missing one as such beside others that are there.',
    examples: [{ filter: 'emails.primary ne true', ours: 'no match', theirs: { scimmy: 'match' } }],
    excuses: ({ filter }, peer, theirs) =>
      peer === 'scimmy' &&
      theirs !== 'refused' &&
      has(filter, (part) => part.kind === 'compare' && part.op === 'ne' && part.path.name === 'emails'),
  },
  {
    cause: 'An empty string is unassigned',
    section: 'RFC 7643 2.5, RFC 7644 3.4.2.2 (pr: "non-empty")',
    side: 'ours',
    because: 'pr asks for a non-empty value; identity providers send "" to clear an attribute.',
    examples: [
      { filter: 'title pr', ours: 'no match', theirs: { 'scim2-parse-filter': 'match', scimmy: 'match' } },
      { filter: 'title eq ""', ours: 'no match', theirs: { 'scim2-parse-filter': 'match', scimmy: 'match' } },
      { filter: 'title eq null', ours: 'match', theirs: { 'scim2-parse-filter': 'no match', scimmy: 'no match' } },
    ],
  },
  {
    cause: 'A complex attribute stands for its value',
    section: 'RFC 7644 3.4.2.2 (emails co "example.com"), RFC 7643 2.4',
    side: 'ours',
    because: 'The RFC has this very example; the peers compare with the object.',
    examples: [
      { filter: 'emails co "x.example"', ours: 'match', theirs: { 'scim2-parse-filter': 'no match', scimmy: 'refused' } },
      { filter: 'emails eq "ann@x.example"', ours: 'match', theirs: { 'scim2-parse-filter': 'no match', scimmy: 'refused' } },
      { filter: 'emails ne "x"', ours: 'match', theirs: { scimmy: 'refused' } },
      { filter: 'roles eq "r1"', ours: 'match', theirs: { 'scim2-parse-filter': 'no match', scimmy: 'refused' } },
      { filter: 'roles pr', ours: 'match', theirs: { scimmy: 'refused' } },
      {
        filter: `${ENTERPRISE_URN}:manager eq "7"`,
        ours: 'match',
        theirs: { 'scim2-parse-filter': 'no match', scimmy: 'no match' },
      },
    ],
  },
  {
    cause: 'All of a value path is about one element',
    section: 'RFC 7644 3.4.2.2 (valuePath)',
    side: 'ours',
    because: 'The brackets choose elements; the peer asks each term of the whole list.',
    examples: [
      { filter: 'emails[type eq "work" and value co "home"]', ours: 'no match', theirs: { 'scim2-parse-filter': 'match' } },
      { filter: 'emails[not (type eq "work")]', ours: 'match', theirs: { 'scim2-parse-filter': 'no match' } },
    ],
    excuses: ({ filter, resource }, peer) =>
      peer === 'scim2-parse-filter' &&
      Array.isArray(resource.emails) &&
      resource.emails.length > 1 &&
      has(
        filter,
        (part) =>
          part.kind === 'valuePath' &&
          (part.filter.kind !== 'compare' || part.filter.op === 'ne') &&
          part.filter.kind !== 'present',
      ),
  },
  {
    cause: 'Terms outside of a value path may be about different elements',
    section: 'RFC 7644 3.4.2.2',
    side: 'ours',
    because: 'Each term is true or false on its own; the peer puts those on one attribute together into one element.',
    examples: [
      { filter: 'emails.type eq "work" and emails.value co "home"', ours: 'match', theirs: { scimmy: 'no match' } },
      { filter: 'emails[type eq "work"] and emails[type eq "home"]', ours: 'match', theirs: { scimmy: 'no match' } },
    ],
    excuses: ({ filter }, peer) =>
      peer === 'scimmy' &&
      has(filter, (part) => part.kind === 'and' && part.operands.filter((operand) => has(operand, isOnEmails)).length > 1),
  },
  {
    cause: 'An or in a value path stays in it',
    section: 'RFC 7644 3.4.2.2 (valuePath)',
    side: 'ours',
    because: 'The brackets are one term; the peer forgets a term in front of them for one half of the or.',
    examples: [
      {
        filter: 'userName eq "x" and active eq true and emails[type eq "work" or type eq "home"]',
        ours: 'no match',
        theirs: { scimmy: 'match' },
      },
    ],
    excuses: ({ filter }, peer) =>
      peer === 'scimmy' &&
      (filter.kind === 'and' || filter.kind === 'or') &&
      has(filter, (part) => part.kind === 'valuePath' && has(part.filter, (inner) => inner.kind === 'or')),
  },
  {
    cause: 'not negates all of its brackets',
    section: 'RFC 7644 3.4.2.2 (not)',
    side: 'ours',
    because: 'The peer negates the first term, or nothing.',
    examples: [
      { filter: 'not (userName eq "x" or active eq true)', ours: 'no match', theirs: { scimmy: 'match' } },
      { filter: 'not (emails[type eq "other"])', ours: 'match', theirs: { scimmy: 'no match' } },
    ],
    excuses: ({ filter }, peer) => peer === 'scimmy' && has(filter, (part) => part.kind === 'not'),
  },
  {
    cause: 'Brackets may stand in brackets',
    section: 'RFC 7644 3.4.2.2 (ABNF: FILTER)',
    side: 'ours',
    because: 'A group holds any filter, groups included.',
    examples: [
      { filter: '((userName eq "Ann"))', ours: 'match', theirs: { scimmy: 'refused' } },
      {
        filter: 'name.givenName eq "Ann" or (active eq true and (nickName pr or title eq "x"))',
        ours: 'match',
        theirs: { scimmy: 'refused' },
      },
    ],
    excuses: (found, peer) => peer === 'scimmy' && formatFilter(found.filter).includes('('),
  },
  {
    cause: 'A sub-attribute of what is absent is absent',
    section: 'RFC 7643 2.5, RFC 7644 3.4.2.2',
    side: 'ours',
    because: 'A person without the parent does not match; the peer throws.',
    examples: [
      { filter: 'ims.value eq "x"', ours: 'no match', theirs: { scimmy: 'refused' } },
      { filter: `${ENTERPRISE_URN}:manager.value eq "7"`, ours: 'match', theirs: { scimmy: 'refused' } },
    ],
    excuses: ({ filter, resource }, peer, theirs) =>
      peer === 'scimmy' &&
      theirs === 'refused' &&
      has(
        filter,
        (part) => 'path' in part && ['name', 'emails'].includes(part.path.name) && resource[part.path.name] === undefined,
      ),
  },
  {
    cause: 'The absent is no text',
    section: 'RFC 7644 3.4.2.2 (co, sw, ew)',
    side: 'ours',
    because: 'The peer reads an absent attribute as the text "undefined".',
    examples: [{ filter: 'nickName co "def"', ours: 'no match', theirs: { scimmy: 'match' } }],
  },
  {
    cause: 'Times are compared as times',
    section: 'RFC 7644 3.4.2.2, RFC 7643 2.3.5',
    side: 'ours',
    because: 'One instant can be written with different offsets; the peers compare text, SCIMMY for eq and ne.',
    examples: [
      {
        filter: 'meta.created eq "2026-07-21T11:00:00+02:00"',
        ours: 'match',
        theirs: { 'scim2-parse-filter': 'no match', scimmy: 'no match' },
      },
      { filter: 'meta.created gt "2026-07-21T10:00:00+02:00"', ours: 'match', theirs: { 'scim2-parse-filter': 'no match' } },
    ],
  },
  {
    cause: 'Booleans have no order',
    section: 'RFC 7644 3.4.2.2, table 3 ("SHALL cause a failed response")',
    side: 'ours',
    because: 'The RFC demands invalidFilter.',
    examples: [{ filter: 'active gt false', ours: 'refused', theirs: { 'scim2-parse-filter': 'match', scimmy: 'match' } }],
  },
  {
    cause: 'A filter that can match nobody is an error',
    section: 'RFC 7644 3.12 (invalidFilter), RFC 7643 7 (returned)',
    side: 'ours',
    because:
      'A name that no schema has or a value of another type is a slip, which an empty list would hide; password is never returned, so it is not searched.',
    examples: [
      { filter: 'unknown eq "x"', ours: 'refused', theirs: { 'scim2-parse-filter': 'no match', scimmy: 'no match' } },
      { filter: 'password eq "x"', ours: 'refused', theirs: { 'scim2-parse-filter': 'no match', scimmy: 'no match' } },
      { filter: 'userName eq 7', ours: 'refused', theirs: { 'scim2-parse-filter': 'no match', scimmy: 'no match' } },
    ],
  },
  {
    cause: 'A filter has to be written by the grammar',
    section: 'RFC 7644 3.4.2.2 (ABNF)',
    side: 'ours',
    because: 'Text stands in quotation marks, not has brackets, and a filter does not end halfway.',
    examples: [
      { filter: 'userName eq Ann', ours: 'refused', theirs: { scimmy: 'match' } },
      { filter: 'userName eq "Ann" and', ours: 'refused', theirs: { scimmy: 'match' } },
      { filter: 'emails[]', ours: 'refused', theirs: { scimmy: 'match' } },
      { filter: 'not userName eq "x"', ours: 'refused', theirs: { 'scim2-parse-filter': 'match', scimmy: 'match' } },
    ],
  },
  {
    cause: 'Text has the escapes of JSON',
    section: 'RFC 7644 3.4.2.2 (compValue: RFC 7159 strings)',
    side: 'ours',
    because: 'A value is a JSON string; the peers keep the backslash, and SCIMMY ends the text at the quotation mark.',
    examples: [
      { filter: 'userName eq "A\\u006en"', ours: 'match', theirs: { 'scim2-parse-filter': 'no match', scimmy: 'no match' } },
      { filter: 'userName eq "\\"Ann"', ours: 'no match', theirs: { scimmy: 'refused' } },
    ],
  },
  {
    cause: 'A URN names the schema of an attribute',
    section: 'RFC 7644 3.10',
    side: 'ours',
    because: "The core's own URN may be written; SCIMMY cuts a URN at the dot of its version.",
    examples: [
      {
        filter: `${USER_URN}:userName eq "Ann"`,
        ours: 'match',
        theirs: { 'scim2-parse-filter': 'no match', scimmy: 'no match' },
      },
      { filter: `${ENTERPRISE_URN}:department eq "Dev"`, ours: 'match', theirs: { scimmy: 'no match' } },
    ],
    excuses: ({ filter }, peer) => peer === 'scimmy' && has(filter, (part) => 'path' in part && part.path.urn !== undefined),
  },
];
