import type { Document, Json } from './document.js';
import type { ResourceType, Schema } from './schema.js';

const MESSAGES = 'urn:ietf:params:scim:api:messages:2.0';
const CONFIG = 'urn:ietf:params:scim:schemas:core:2.0';

export const LIST_RESPONSE_URN = `${MESSAGES}:ListResponse`;
export const PATCH_OP_URN = `${MESSAGES}:PatchOp`;
export const BULK_RESPONSE_URN = `${MESSAGES}:BulkResponse`;
export const ERROR_URN = `${MESSAGES}:Error`;

/** What a store knows of a resource: the stated attributes, and what the server adds (RFC 7643 3.1). */
export interface StoredResource {
  readonly id: string;
  readonly document: Document;
  readonly created: Date;
  readonly lastModified: Date;
  /** Opaque; the ETag is `W/"version"`. */
  readonly version: string;
  /** Attributes that are JSON text already, complete with their references; the document does not have them. */
  readonly raw?: Readonly<Record<string, string>>;
  /** Further stated attributes, as the JSON text of an object, an extension's under its URN; none of them refers to a resource. */
  readonly kept?: { readonly json: string; readonly extensions: readonly string[] };
}

export const etagOf = (version: string): string => `W/"${version}"`;

/** What needs no encoding is quicker seen than encoded. */
const PLAIN = /^[\w-]*$/;

/** `baseUrl` is the absolute address in front of `/Users`; references become absolute with it. */
export const locationOf = (baseUrl: string, endpoint: ResourceType['endpoint'], id: string): string =>
  `${baseUrl}${endpoint}/${PLAIN.test(id) ? id : encodeURIComponent(id)}`;

/** Where a page stands: by index (RFC 7644 3.4.2), or between cursors (RFC 9865), which has no `startIndex`. */
export interface PageMarks {
  readonly startIndex?: number;
  readonly nextCursor?: string;
  readonly previousCursor?: string;
}

export const listResponse = (resources: readonly Json[], totalResults: number, marks: PageMarks): Document => ({
  schemas: [LIST_RESPONSE_URN],
  totalResults,
  ...marks,
  itemsPerPage: resources.length,
  Resources: resources,
});

/** RFC 7644 3.12: `status` is a string. */
export const errorResponse = (status: number, detail: string, scimType?: string): Document => ({
  schemas: [ERROR_URN],
  status: String(status),
  ...(scimType === undefined ? {} : { scimType }),
  detail,
});

/** RFC 7643 6. */
export const resourceTypeResource = (type: ResourceType, baseUrl: string): Document => ({
  schemas: [`${CONFIG}:ResourceType`],
  id: type.name,
  name: type.name,
  description: type.description,
  endpoint: type.endpoint,
  schema: type.core.id,
  schemaExtensions: type.extensions.map((extension) => ({ schema: extension.id, required: false })),
  meta: { resourceType: 'ResourceType', location: `${baseUrl}/ResourceTypes/${type.name}` },
});

/** RFC 7643 7. */
export const schemaResource = (schema: Schema, baseUrl: string): Document => ({
  schemas: [`${CONFIG}:Schema`],
  id: schema.id,
  name: schema.name,
  description: schema.description,
  // Attributes hold nothing but JSON; an interface has no index signature.
  attributes: structuredClone(schema.attributes) as unknown as Json,
  meta: { resourceType: 'Schema', location: `${baseUrl}/Schemas/${schema.id}` },
});

export interface Capabilities {
  readonly maxResults: number;
  /** Bytes. */
  readonly maxPayloadSize: number;
  /** Operations of one bulk request, and of one PATCH: quirk G16 cuts its PATCHes by `bulk.maxOperations`. */
  readonly maxOperations: number;
  /** Resources of a page where none is asked for. */
  readonly defaultPageSize: number;
  /** Seconds. */
  readonly cursorTimeout: number;
}

/** RFC 7643 5. What is advertised here is what the routes do. */
export const serviceProviderConfig = (capabilities: Capabilities, baseUrl: string): Document => ({
  schemas: [`${CONFIG}:ServiceProviderConfig`],
  patch: { supported: true },
  bulk: { supported: true, maxOperations: capabilities.maxOperations, maxPayloadSize: capabilities.maxPayloadSize },
  filter: { supported: true, maxResults: capabilities.maxResults },
  changePassword: { supported: false },
  sort: { supported: true },
  etag: { supported: true },
  pagination: {
    cursor: true,
    index: true,
    defaultPaginationMethod: 'index',
    defaultPageSize: capabilities.defaultPageSize,
    maxPageSize: capabilities.maxResults,
    cursorTimeout: capabilities.cursorTimeout,
  },
  authenticationSchemes: [
    {
      type: 'oauthbearertoken',
      name: 'Bearer token',
      description: 'The token of the SCIM page in the settings of Unleash, in the Authorization header.',
      specUri: 'https://www.rfc-editor.org/rfc/rfc6750',
      primary: true,
    },
  ],
  meta: { resourceType: 'ServiceProviderConfig', location: `${baseUrl}/ServiceProviderConfig` },
});
