import { ScimError } from '../protocol/errors.js';
import type { ResourceQuery } from '../protocol/list-query.js';
import { etagOf, type StoredResource } from '../protocol/messages.js';
import type { Projection } from '../protocol/projection.js';
import type { QuirkId } from '../protocol/quirks.js';
import type { Access } from '../stores/database.js';
import type { Audit } from '../stores/event-sql.js';
import type { Page, PageRequest } from '../stores/page-sql.js';

/** What a request brings along besides its body. A journal of requests, when it comes, is written from here. */
export interface RequestContext {
  readonly audit: Audit;
  /** What the request is let in by, for its statements to prove. */
  readonly access: Access;
  /** The If-Match header, as sent. */
  readonly ifMatch: string | undefined;
  /** The quirks that the request was rewritten for, of a bulk request those of all its operations. */
  readonly quirks: ReadonlySet<QuirkId>;
}

/** A resource to create under an id that is known beforehand. */
export interface NewResource {
  readonly id: string;
  readonly body: unknown;
}

export interface ManyResources {
  /** By host id. */
  readonly found: ReadonlyMap<number, StoredResource>;
  /** The host id of the first that did not fit. */
  readonly cutAt: number | undefined;
}

/** The operations of RFC 7644 3 on one type of resource. Each one throws `ScimError` and leaves nothing half-done. */
export interface ResourceService {
  read(id: string, projection: Projection, access: Access): Promise<StoredResource>;
  list(query: ResourceQuery, page: PageRequest, projection: Projection, access: Access): Promise<Page<StoredResource>>;
  /** Those of the host's ids that are there, from the first as far as they fit into one answer. */
  readMany(hostIds: readonly number[], projection: Projection): Promise<ManyResources>;
  /** `id`: the one to give to a new resource; undefined: any. */
  create(body: unknown, context: RequestContext, id?: string): Promise<StoredResource>;
  /** Creates at once those whose creation needs no decision, and gives them by their ids; the others are for `create`. */
  createFree?(items: readonly NewResource[], context: RequestContext): Promise<ReadonlyMap<string, StoredResource>>;
  replace(id: string, body: unknown, context: RequestContext): Promise<StoredResource>;
  /** undefined: the change is made, and the answer has no body. */
  modify(id: string, body: unknown, context: RequestContext): Promise<StoredResource | undefined>;
  delete(id: string, context: RequestContext): Promise<void>;
}

/** Whether a list of entity tags names the version. Ours are weak, and a client may leave out the `W/` (RFC 7644 3.14). */
export const matchesVersion = (header: string, version: string): boolean => {
  const opaque = etagOf(version).slice(2);
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === opaque);
};

/** The versions that If-Match names; undefined: any will do. */
export const wantedVersions = ({ ifMatch }: RequestContext): readonly string[] | undefined => {
  const tags = ifMatch?.split(',').map((tag) => tag.trim());
  if (tags === undefined || tags.includes('*')) return undefined;
  return tags.flatMap((tag) => /^(?:W\/)?"(.*)"$/.exec(tag)?.[1] ?? []);
};

/** @throws {ScimError} `preconditionFailed` where If-Match names another version. */
export const assertPrecondition = (context: RequestContext, version: string): void => {
  if (context.ifMatch !== undefined && !matchesVersion(context.ifMatch, version)) {
    throw new ScimError(
      'preconditionFailed',
      'The resource is not the version that If-Match names; read it again and repeat the change.',
    );
  }
};
