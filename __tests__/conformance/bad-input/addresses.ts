import { type BadInput, NOT_FOUND, patchText, type Refusal } from './bad-input.js';

const UNAUTHORIZED: Refusal = { status: 401 };
const WRONG_METHOD: Refusal = { status: 405 };
const PRECONDITION: Refusal = { status: 412 };
const MALFORMED: Refusal = { status: 400, scimType: 'invalidSyntax' };
const UNKNOWN_ID = '2819c223-7f76-453a-919d-413861904646';

const CHANGE = patchText('{"op":"replace","path":"displayName","value":"Changed"}');
const PERSON = '{"userName":"changed"}';
const GROUP = '{"displayName":"Changed"}';

const unknownIds: readonly (readonly [name: string, id: string])[] = [
  ['an unknown id', UNKNOWN_ID],
  ['an id in capitals', '$UPPERCASED'],
  ['an id with a NUL character', '%00'],
  ['an id with a NUL character at its end', '$USER%00'],
  ['an id of white space', '%20'],
  ['an id that is a number', '1'],
  ['an id that is a negative number', '-1337'],
  ['an id with SQL', "x'%20OR%20'1'%3D'1"],
  ['an id with a slash', '..%2F..%2Fapi'],
  ['an id of 4,000 characters', 'a'.repeat(4_000)],
  ['an id of __proto__', '__proto__'],
  ['the word bulkId', 'bulkId:x'],
];

const byId = (path: string, label: string, body: string): readonly BadInput[] => [
  { name: `a read of ${label}`, method: 'GET', path, ...NOT_FOUND },
  { name: `a replace of ${label}`, method: 'PUT', path, body, ...NOT_FOUND },
  { name: `a change of ${label}`, method: 'PATCH', path, body: CHANGE, ...NOT_FOUND },
  { name: `a delete of ${label}`, method: 'DELETE', path, ...NOT_FOUND },
];

const malformed: readonly (readonly [name: string, method: string, path: string])[] = [
  ['an address with half of an escape', 'GET', '/Users/%'],
  ['an address with an escape that is none', 'GET', '/Users/%zz'],
  ['an address whose bytes are not UTF-8', 'GET', '/Users/%ff%fe'],
  ['a delete whose bytes are not UTF-8', 'DELETE', '/Users/%c0%af'],
  ['an address with half of a surrogate pair', 'GET', '/Groups/%ed%a0%80'],
];

const unknownAddresses: readonly (readonly [name: string, method: string, path: string])[] = [
  ['an unknown endpoint', 'GET', '/Nope'],
  ['an unknown endpoint by POST', 'POST', '/Nope'],
  ['an endpoint in the singular', 'GET', '/User'],
  ['a third version', 'GET', '/v3/Users'],
  ['the first version', 'GET', '/v1/Users'],
  ['something below a person', 'GET', '/Users/$USER/groups'],
  ['something below a search', 'POST', '/Users/.search/x'],
  ['a search below an unknown endpoint', 'POST', '/Nope/.search'],
  ['an unknown schema', 'GET', '/Schemas/urn:example:nothing'],
  ['the schema of a message', 'GET', '/Schemas/urn:ietf:params:scim:api:messages:2.0:PatchOp'],
  ['an unknown resource type', 'GET', '/ResourceTypes/Robot'],
  ['a resource type of __proto__', 'GET', '/ResourceTypes/__proto__'],
  ['something below the configuration', 'GET', '/ServiceProviderConfig/x'],
  ['something below the bulk endpoint', 'POST', '/Bulk/x'],
];

const wrongMethods: readonly (readonly [method: string, path: string])[] = [
  ['PUT', '/Users'],
  ['PATCH', '/Users'],
  ['DELETE', '/Users'],
  ['POST', '/Users/$USER'],
  ['PUT', '/Groups'],
  ['PATCH', '/Groups'],
  ['DELETE', '/Groups'],
  ['POST', '/Groups/$GROUP'],
  ['GET', '/Bulk'],
  ['PUT', '/Bulk'],
  ['PATCH', '/Bulk'],
  ['DELETE', '/Bulk'],
  ['GET', '/.search'],
  ['PUT', '/Users/.search'],
  ['DELETE', '/Groups/.search'],
  ['POST', '/'],
  ['DELETE', '/'],
  ['POST', '/ServiceProviderConfig'],
  ['PUT', '/ServiceProviderConfig'],
  ['POST', '/Schemas'],
  ['DELETE', '/Schemas/urn:ietf:params:scim:schemas:core:2.0:User'],
  ['PATCH', '/ResourceTypes/User'],
  ['PROPFIND', '/Users'],
];

const strangers: readonly (readonly [name: string, authorization: string | null])[] = [
  ['no token', null],
  ['a wrong token', 'Bearer wrong-token-0123456789abcdef0123456789abcdef'],
  ['an empty token', 'Bearer '],
  ['a token of another scheme', 'Basic dGVzdC10b2tlbi0wMTIzNDU2Nzg5YWJjZGVmOng='],
  ['the token without a scheme', 'test-token-0123456789abcdef0123456789abcdef'],
  ['the token with a letter more', 'Bearer test-token-0123456789abcdef0123456789abcdefX'],
  ['the token with a letter less', 'Bearer test-token-0123456789abcdef0123456789abcde'],
  ['the token in capitals', 'Bearer TEST-TOKEN-0123456789ABCDEF0123456789ABCDEF'],
  ['two tokens', 'Bearer x test-token-0123456789abcdef0123456789abcdef'],
  ['a token from outside ASCII', 'Bearer t\u00eest-token-0123456789abcdef0123456789abcdef'],
  ['a token of 6,000 characters', `Bearer ${'a'.repeat(6_000)}`],
];

const wrongVersions: readonly (readonly [name: string, tag: string])[] = [
  ['an old version', 'W/"0.0000000000"'],
  ['no entity tag', 'latest'],
  ['an empty entity tag', '""'],
  ['an empty header', ''],
  ['three wrong versions', 'W/"7001", "7002", W/"7003"'],
  ['a version that is SQL', `"' OR '1'='1"`],
];

export const addresses: readonly BadInput[] = [
  ...unknownIds.flatMap(([name, id]) => [
    ...byId(`/Users/${id}`, `a person by ${name}`, PERSON),
    ...byId(`/Groups/${id}`, `a group by ${name}`, GROUP),
  ]),
  ...byId('/Users/$GROUP', 'a group as a person', PERSON),
  ...byId('/Groups/$USER', 'a person as a group', GROUP),
  ...malformed.map(([name, method, path]) => ({ name, method, path, ...MALFORMED })),
  ...unknownAddresses.map(([name, method, path]) => ({ name, method, path, ...NOT_FOUND })),
  ...wrongMethods.map(([method, path]) => ({ name: `${method} ${path}`, method, path, ...WRONG_METHOD })),
  ...strangers.map(([name, Authorization]) => ({
    name: `a new person with ${name}`,
    method: 'POST',
    path: '/Users',
    headers: { Authorization },
    body: '{"userName":"bad-1"}',
    ...UNAUTHORIZED,
  })),
  {
    name: 'a new person with the token in the address',
    method: 'POST',
    path: '/Users?access_token=test-token-0123456789abcdef0123456789abcdef',
    headers: { Authorization: null },
    body: '{"userName":"bad-1"}',
    ...UNAUTHORIZED,
  },
  ...wrongVersions.flatMap(([name, tag]) => [
    {
      name: `a replace of a person with ${name}`,
      method: 'PUT',
      path: '/Users/$USER',
      headers: { 'If-Match': tag },
      body: PERSON,
      ...PRECONDITION,
    },
    {
      name: `a change of a person with ${name}`,
      method: 'PATCH',
      path: '/Users/$USER',
      headers: { 'If-Match': tag },
      body: CHANGE,
      ...PRECONDITION,
    },
    {
      name: `a delete of a person with ${name}`,
      method: 'DELETE',
      path: '/Users/$USER',
      headers: { 'If-Match': tag },
      ...PRECONDITION,
    },
    {
      name: `a change of a group with ${name}`,
      method: 'PATCH',
      path: '/Groups/$GROUP',
      headers: { 'If-Match': tag },
      body: CHANGE,
      ...PRECONDITION,
    },
    {
      name: `a delete of a group with ${name}`,
      method: 'DELETE',
      path: '/Groups/$GROUP',
      headers: { 'If-Match': tag },
      ...PRECONDITION,
    },
  ]),
  { name: 'a filter of the schemas', method: 'GET', path: '/Schemas?filter=name%20eq%20%22User%22', status: 403 },
  { name: 'a filter of the resource types', method: 'GET', path: '/ResourceTypes?filter=name%20pr', status: 403 },
];
