import type { Quirk, QuirkId } from './quirk.js';
import { mapQuery } from './quirk-rules-query.js';

/** JSON under another name than `application/scim+json`, or under none: it can be nothing else. */
const JSON_TYPE = /^\s*(application\/json|text\/json|(?=;|$))\s*(?=;|$)/i;
const CHARSET = /;\s*charset\s*=\s*"?utf-8"?\s*(?=;|$)/i;
const FLAG = /^aadOptscim[^=]*(=|$)/i;

/** Chapter H: HTTP. */
export const HTTP_QUIRKS: readonly Quirk[] = [
  {
    id: 'H01',
    sentBy: "Okta's test suite, OneLogin, Google",
    part: 'contentType',
    example: 'application/json',
    standard: 'application/scim+json',
    rfc: 'RFC 7644 3.1',
    meaning: 'JSON without its own name, or without any, is SCIM.',
    rewrite: { contentType: (header) => header.replace(JSON_TYPE, 'application/scim+json') },
  },
  {
    id: 'H02',
    sentBy: 'Okta, Entra',
    part: 'contentType',
    example: 'application/scim+json; charset=utf-8',
    standard: 'application/scim+json',
    rfc: 'RFC 7644 8.1, RFC 8259 8.1',
    meaning: 'JSON is UTF-8, also where the type says so.',
    rewrite: { contentType: (header) => header.replace(CHARSET, '') },
  },
  {
    id: 'H04',
    sentBy: 'Okta, Google, OneLogin',
    example: 'Accept: application/json; Accept-Charset: utf-8',
    rfc: 'RFC 7231 5.3',
    meaning: 'Answered with application/scim+json.',
    coveredBy: 'RFC 7231 5.3.2: a server may disregard Accept; RFC 7644 3.8',
  },
  {
    id: 'H05',
    sentBy: "Okta's test suite",
    example: 'Authorization: non-token',
    rfc: 'RFC 7644 2',
    meaning: '401 with a SCIM error.',
    coveredBy: 'RFC 7235 3.1, RFC 7644 3.12',
  },
  {
    id: 'H06',
    sentBy: 'Entra',
    part: 'query',
    example: '?aadOptscim062020&count=1',
    standard: '?count=1',
    rfc: 'RFC 7644 3.4.2',
    meaning: 'A switch of the client that came along in the address.',
    rewrite: {
      query: (query) => (/aadOptscim/i.test(query) ? mapQuery(query, (part) => (FLAG.test(part) ? undefined : part)) : query),
    },
  },
  {
    id: 'H07',
    sentBy: 'administrators',
    part: 'path',
    example: '//Users',
    standard: '/Users',
    rfc: 'RFC 7644 3.2',
    meaning: 'The slash at the end of the base address and the one behind it are one.',
    rewrite: { path: (path) => path.replace(/\/{2,}/g, '/') },
  },
  {
    id: 'H13',
    sentBy: 'Entra, authentik',
    example: 'GET /ServiceProviderConfig, GET /Schemas',
    rfc: 'RFC 7644 4',
    meaning: 'What they say is true of the server.',
    coveredBy: 'RFC 7644 4',
  },
  {
    id: 'H14',
    sentBy: 'none seen; a stale meta.version comes back in bodies',
    example: 'If-Match: W/"1"',
    rfc: 'RFC 7644 3.14',
    meaning: 'Honoured where it is sent; what a body says of the version is no condition.',
    coveredBy: 'RFC 7644 3.14; meta is readOnly (RFC 7643 3.1)',
  },
  {
    id: 'H15',
    sentBy: 'proxies, monitors',
    example: 'HEAD /Users, OPTIONS /Users',
    rfc: 'RFC 7231 4.3',
    meaning: 'Answered, or 405 with Allow.',
    coveredBy: 'RFC 7231 4.3.2, 6.5.5',
  },
  {
    id: 'H16',
    sentBy: "Microsoft's reference client",
    example: '{ "schemas": [',
    rfc: 'RFC 7644 3.12',
    meaning: '400, invalidSyntax.',
    coveredBy: 'RFC 7644 3.12: invalidSyntax',
  },
];

/** Rows of the catalogue that no request can show, and why: they speak of our answers, or of what a client does with them. */
export const NOT_IN_REQUESTS: readonly { readonly id: QuirkId; readonly reason: string }[] = [
  { id: 'P09', reason: 'Okta wants a body in the answer to a create: about our answer' },
  { id: 'F23', reason: 'authentik reads Resources or resources: about our answer' },
  { id: 'H03', reason: 'Entra wants application/scim+json in every answer: about our answer' },
  { id: 'H08', reason: 'Entra wants 204 for a group and 200 with the person for a person: about our answer' },
  { id: 'H09', reason: 'Okta takes 200 or 204 for a PATCH: about our answer' },
  { id: 'H10', reason: 'all want 201 with Location and id, and the status of an error as a string: about our answer' },
  { id: 'H11', reason: 'Entra waits longer after each failure: a request does not say which try it is' },
  { id: 'H12', reason: 'Okta closes the socket after 60 seconds: the create that follows is P08' },
];
