import { ScimError } from '../protocol/errors.js';
import type { ListLimits, ListParameters, ListQuery, Paging, RootQuery } from '../protocol/list-query.js';
import type { PageMarks, StoredResource } from '../protocol/messages.js';
import type { ResourceType } from '../protocol/schema.js';
import type { Access } from '../stores/database.js';
import type { Page, PageRequest, Position } from '../stores/page-sql.js';
import type { RootStore } from '../stores/root-store.js';
import { type Cursor, listDigest, openCursor, sealCursor } from './cursor-codec.js';
import type { ResourceService } from './resource-service.js';

export interface ListedResource {
  readonly type: ResourceType;
  readonly resource: StoredResource;
}

export interface ListAnswer {
  readonly total: number;
  readonly resources: readonly ListedResource[];
  readonly marks: PageMarks;
}

/** What a list is read by, and what its cursors are bound to besides the list: the token, by its hash, and the time. */
export interface ListKey {
  readonly access: Access;
  readonly tokenHash: Buffer;
  /** Milliseconds since 1970. */
  readonly now: number;
}

interface Turn {
  readonly request: PageRequest;
  /** Of the list that its cursors are bound to; empty where there are none. */
  readonly digest: string;
  readonly isFirst: boolean;
}

/** The rows of a page that are nearest to where it begins. */
const cutPage = <Row>(page: Page<Row>, count: number, isBackwards: boolean): Page<Row> => {
  const part = isBackwards ? ([-count] as const) : ([0, count] as const);
  return { ...page, rows: page.rows.slice(...part), positions: page.positions.slice(...part), hasMore: true };
};

/** Lists of one type or of all, page by page. */
export class ListService {
  readonly #services: ReadonlyMap<ResourceType, ResourceService>;
  readonly #root: RootStore;
  readonly #limits: ListLimits;

  constructor(services: ReadonlyMap<ResourceType, ResourceService>, root: RootStore, limits: ListLimits) {
    this.#services = services;
    this.#root = root;
    this.#limits = limits;
  }

  async list(type: ResourceType, query: ListQuery, parameters: ListParameters, key: ListKey): Promise<ListAnswer> {
    const service = this.#services.get(type);
    if (service === undefined) throw new Error(`nobody serves ${type.name}`);
    const turn = this.#turn(query.paging, parameters, type.endpoint, key);
    const page = await service.list(query, turn.request, query.projection, key.access);
    return {
      total: page.total,
      resources: page.rows.map((resource) => ({ type, resource })),
      marks: this.#marks(query.paging, turn, page, key),
    };
  }

  /** RFC 7644 3.4.2.1. */
  async listRoot(query: RootQuery, parameters: ListParameters, key: ListKey): Promise<ListAnswer> {
    const turn = this.#turn(query.paging, parameters, '/', key);
    const page = await this.#root.list(query, turn.request, key.access);
    const types = [...this.#services.keys()];
    const isBackwards = turn.request.kind === 'before';
    // A page that ends early keeps what is next to where it begins.
    const outwards = isBackwards ? [...page.rows].reverse() : page.rows;
    const found = await Promise.all(
      types.map(async (type, index) => {
        const ids = outwards.filter((row) => row.type === type.name).map((row) => row.id);
        const projection = query.types[index]?.projection;
        const service = this.#services.get(type);
        return ids.length === 0 || projection === undefined || service === undefined
          ? undefined
          : service.readMany(ids, projection);
      }),
    );
    const parts = new Map(types.map((type, index) => [type.name, { type, part: found[index] }]));
    const cut = outwards.findIndex((row) => parts.get(row.type)?.part?.cutAt === row.id);
    const shown = cut < 0 ? page : cutPage(page, cut, isBackwards);
    const resources = shown.rows.flatMap((row) => {
      const { type, part } = parts.get(row.type) ?? {};
      const resource = part?.found.get(row.id);
      return type === undefined || resource === undefined ? [] : [{ type, resource }];
    });
    return { total: page.total, resources, marks: this.#marks(query.paging, turn, shown, key) };
  }

  #turn(paging: Paging, parameters: ListParameters, endpoint: string, key: ListKey): Turn {
    if (paging.kind === 'index') {
      return { request: { kind: 'index', offset: paging.startIndex - 1, limit: paging.count }, digest: '', isFirst: true };
    }
    const digest = listDigest(endpoint, parameters.filter, parameters.sortBy, parameters.sortOrder);
    const { cursor, count } = paging;
    if (cursor === '') {
      const limit = count ?? Math.min(this.#limits.defaultCount, this.#limits.maxResults);
      return { request: { kind: 'after', position: undefined, limit }, digest, isFirst: true };
    }
    const opened = openCursor(cursor, digest, key.tokenHash, key.now);
    if (count !== undefined && count !== opened.count) {
      throw new ScimError(
        'invalidCount',
        `The cursor was made for pages of ${opened.count}; leave count out, or begin again without the cursor.`,
      );
    }
    return { request: { kind: opened.direction, position: opened.position, limit: opened.count }, digest, isFirst: false };
  }

  #marks(paging: Paging, turn: Turn, page: Page<unknown>, key: ListKey): PageMarks {
    if (paging.kind === 'index') return { startIndex: paging.startIndex };
    const { request, digest, isFirst } = turn;
    if (request.limit === 0) return {};
    const make = (direction: Cursor['direction'], position: Position | undefined): string | undefined =>
      position && sealCursor({ direction, position, count: request.limit }, digest, key.tokenHash, key.now);
    const backwards = request.kind === 'before';
    // Who came here by a cursor came from a page: in that direction there is one, as far as anybody knows.
    const next = backwards || page.hasMore ? make('after', page.positions.at(-1)) : undefined;
    const previous = backwards ? page.hasMore : !isFirst;
    const back = previous ? make('before', page.positions[0]) : undefined;
    return { ...(next === undefined ? {} : { nextCursor: next }), ...(back === undefined ? {} : { previousCursor: back }) };
  }
}
