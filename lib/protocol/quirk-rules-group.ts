import { type JsonObject, memberOf } from './document.js';
import type { Quirk } from './quirk.js';
import { mapSchemas } from './quirk-bodies.js';
import { wrapBare, wrapSole } from './quirk-value-forms.js';
import { GROUP_URN } from './resource-schemas.js';
import { bindPath, type ResourceType, splitPath } from './schema.js';

const FOREIGN_GROUP_URI = /^http:\/\/schemas\.microsoft\.com\/2006\/11\/ResourceManagement\/ADSCIM\/(2\.0\/)?Group$/i;

const removesListed = (operation: JsonObject, type: ResourceType): boolean => {
  const path = memberOf(operation, 'path');
  const value = memberOf(operation, 'value');
  if (memberOf(operation, 'op') !== 'remove' || typeof path !== 'string' || value === undefined || value === null) return false;
  const bound = bindPath(type, splitPath(path.trim()));
  return bound?.attribute.multiValued === true && bound.subAttribute === undefined;
};

/** Chapter G: groups and their members. */
export const GROUP_QUIRKS: readonly Quirk[] = [
  {
    id: 'G01',
    sentBy: 'Okta',
    example: { op: 'replace', value: { id: '7', displayName: 'Pilots' } },
    rfc: 'RFC 7644 3.5.2.3',
    meaning: 'A rename; the id in it is ours, and members are not spoken of.',
    coveredBy:
      'RFC 7644 3.5.2.3: attributes that the value does not have stay; a readOnly one among them is ignored, as in a body',
  },
  {
    id: 'G02',
    sentBy: 'Okta',
    example: 'remove members[value eq "7"] and add members in one request',
    rfc: 'RFC 7644 3.5.2',
    meaning: 'Both, in their order.',
    coveredBy: 'RFC 7644 3.5.2: operations are applied in the order of the list',
  },
  {
    id: 'G03',
    sentBy: 'Okta',
    example: { members: [{ value: '7', display: 'Ada' }] },
    rfc: 'RFC 7643 4.2',
    meaning: 'A member without type is a person.',
    coveredBy: 'RFC 7643 4.2: type and display are optional, and only people are members here',
  },
  {
    id: 'G04',
    sentBy: 'Okta',
    example: { op: 'replace', path: 'members', value: [{ value: '7' }] },
    rfc: 'RFC 7644 3.5.2.3',
    meaning: 'Exactly these.',
    coveredBy: 'RFC 7644 3.5.2.3',
  },
  {
    id: 'G05',
    sentBy: 'Okta',
    example: { op: 'replace', path: 'members', value: [] },
    rfc: 'RFC 7644 3.5.2.3',
    meaning: 'Nobody.',
    coveredBy: 'RFC 7643 2.5: [] is unassigned',
  },
  {
    id: 'G06',
    sentBy: 'Okta, its custom app',
    example: { displayName: 'Pilots', members: [{ value: '7' }] },
    rfc: 'RFC 7644 3.5.1',
    meaning: 'A PUT states the membership; the id may be missing in it.',
    coveredBy: 'RFC 7644 3.5.1: the address says which group it is',
  },
  {
    id: 'G07',
    sentBy: 'Okta',
    example: 'a search by displayName, then a rename and replaced members of the group that it found',
    rfc: 'RFC 7644 3.4.2.2',
    meaning: 'A group that is there is taken over.',
    coveredBy: 'RFC 7644 3.4.2.2, 3.5.2.3',
  },
  {
    id: 'G08',
    sentBy: 'Okta',
    example: 'DELETE of a group',
    rfc: 'RFC 7644 3.6',
    meaning: 'It goes with its role assignments.',
    coveredBy: 'RFC 7644 3.6',
  },
  {
    id: 'G09',
    sentBy: 'Entra',
    part: 'body',
    resource: 'Group',
    example: { schemas: [GROUP_URN, 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group'] },
    standard: { schemas: [GROUP_URN] },
    rfc: 'RFC 7643 3',
    meaning: 'A URI of its own for the group, beside the standard one or in its place.',
    rewrite: { body: (body, type) => mapSchemas(body, (uri) => (FOREIGN_GROUP_URI.test(uri) ? type.core.id : uri)) },
  },
  {
    id: 'G10',
    sentBy: 'Entra',
    example: { op: 'remove', path: 'members', value: [{ $ref: null, value: '7' }] },
    rfc: 'RFC 7644 3.5.2.2',
    meaning: 'Only these are removed.',
    coveredBy:
      'our rule in group-patch.ts and patch.ts: the value of a remove, which the RFC does not know, says which elements go',
    recognise: removesListed,
  },
  {
    id: 'G11',
    sentBy: 'Entra',
    example: { op: 'Add', path: 'members', value: [{ $ref: null, value: '7' }] },
    rfc: 'RFC 7643 2.5',
    meaning: 'A reference that is not there.',
    coveredBy: 'RFC 7643 2.5: null is unassigned',
  },
  {
    id: 'G12',
    sentBy: 'Entra with its SCIM compliance flag, Okta',
    example: { op: 'remove', path: 'members[value eq "7"]' },
    rfc: 'RFC 7644 3.5.2.2',
    meaning: 'That one.',
    coveredBy: 'RFC 7644 3.5.2.2',
  },
  {
    id: 'G13',
    sentBy: "Microsoft's reference client, Keycloak",
    example: { op: 'remove', path: 'members' },
    rfc: 'RFC 7644 3.5.2.2',
    meaning: 'All of them: it differs from G10 by the value alone.',
    coveredBy: 'RFC 7644 3.5.2.2: without a filter all values are removed',
  },
  {
    id: 'G14',
    sentBy: "Microsoft's reference client",
    part: 'patch',
    resource: 'Group',
    example: { op: 'add', path: 'members', value: '7' },
    standard: { op: 'add', path: 'members', value: [{ value: '7' }] },
    rfc: 'RFC 7644 3.5.2.1',
    meaning: 'An id alone is a member, and one member a list of one.',
    rewrite: { value: (value, place) => (place.resource === 'Group' ? wrapBare(wrapSole(value, place), place) : value) },
  },
  {
    id: 'G15',
    sentBy: 'WSO2, Okta in earlier years',
    example: { op: 'add', value: { members: [{ value: '7' }] } },
    rfc: 'RFC 7644 3.5.2.1',
    meaning: 'Added, and the others stay.',
    coveredBy: 'RFC 7644 3.5.2.1: an add without path adds what its value has',
  },
  {
    id: 'G16',
    sentBy: 'authentik',
    example: 'one operation for each member, as many as bulk.maxOperations',
    rfc: 'RFC 7644 3.5.2',
    meaning: 'Each as G10, all of them one change.',
    coveredBy: 'RFC 7644 3.5.2, and G10 for those that remove',
  },
  {
    id: 'G17',
    sentBy: 'authentik',
    example: { op: 'replace', value: { schemas: [GROUP_URN], id: '7', displayName: 'Pilots' } },
    rfc: 'RFC 7644 3.5.2.3',
    meaning: 'A rename; the members stay.',
    coveredBy: 'RFC 7644 3.5.2.3: attributes that the value does not have stay',
  },
  {
    id: 'G18',
    sentBy: 'authentik',
    example: 'GET of a group, to compare its members',
    rfc: 'RFC 7643 4.2',
    meaning: 'All members are told.',
    coveredBy: 'RFC 7643 7: members are returned by default',
  },
  {
    id: 'G19',
    sentBy: 'all',
    example: 'a member added again, a stranger removed',
    rfc: 'RFC 7644 3.5.2.1',
    meaning: 'No change.',
    coveredBy: 'RFC 7644 3.5.2.1: what is there already is not added again',
  },
  {
    id: 'G20',
    sentBy: 'FusionAuth',
    example: 'several members removed in one request, each by a filter',
    rfc: 'RFC 7644 3.5.2.2',
    meaning: 'By id, never by position.',
    coveredBy: 'RFC 7644 3.5.2.2',
  },
  {
    id: 'G21',
    sentBy: 'Okta, Entra',
    example: 'a replace of the members with thousands of them',
    rfc: 'RFC 7644 3.5.2',
    meaning: 'One change.',
    coveredBy: 'RFC 7644 3.5.2; members are read and written as sets',
  },
  {
    id: 'G22',
    sentBy: 'Entra',
    example: 'a member whose id is unknown here',
    rfc: 'RFC 7643 4.2',
    meaning: 'Refused, and nothing is changed.',
    coveredBy: 'RFC 7644 3.12: invalidValue',
  },
  {
    id: 'G23',
    sentBy: 'others than Entra',
    example: { members: [{ value: '7', type: 'Group' }] },
    rfc: 'RFC 7643 4.2',
    meaning: 'Refused: there are no groups in groups.',
    coveredBy: 'RFC 7644 3.12: invalidValue; GET /Schemas has User alone as type of a member',
  },
  {
    id: 'G24',
    sentBy: 'Keycloak',
    example: { members: [{ value: '7', $ref: 'Users/7' }] },
    rfc: 'RFC 7643 2.3.7',
    meaning: 'The value counts.',
    coveredBy: 'RFC 7643 2.4: value identifies; references of ours are made anew in each answer',
  },
  {
    id: 'G25',
    sentBy: 'Entra',
    example: { op: 'Replace', path: 'displayName', value: 'Pilots' },
    rfc: 'RFC 7644 3.12',
    meaning: 'A rename, or uniqueness where the name is taken.',
    coveredBy: 'RFC 7644 3.12: uniqueness, as GET /Schemas says of displayName',
  },
  {
    id: 'G26',
    sentBy: 'Entra',
    example: { op: 'Replace', path: 'externalId', value: '7' },
    rfc: 'RFC 7643 3.1',
    meaning: 'externalId follows the client.',
    coveredBy: 'RFC 7643 3.1: externalId is readWrite',
  },
  {
    id: 'G27',
    sentBy: 'JumpCloud',
    example: { op: 'remove', path: 'members', value: [{ value: '7' }] },
    rfc: 'RFC 7644 3.5.2',
    meaning: 'As G10.',
    coveredBy: 'G10; who sent it, the request does not tell',
  },
  {
    id: 'G28',
    sentBy: 'OneLogin',
    example: { op: 'add', path: 'members', value: [{ value: '7' }] },
    rfc: 'RFC 7644 3.5.2',
    meaning: 'Added.',
    coveredBy: 'RFC 7644 3.5.2.1; the question mark behind the address is F04',
  },
];
