import { randomUUID } from 'node:crypto';
import { type BulkOperation, type BulkRequest, type PlannedOperation, planBulk, resolveReferences } from '../protocol/bulk.js';
import { ScimError } from '../protocol/errors.js';
import type { StoredResource } from '../protocol/messages.js';
import type { ResourceType } from '../protocol/schema.js';
import type { RequestContext, ResourceService } from './resource-service.js';

/** What became of one operation; in the order of the request. */
export interface BulkOutcome {
  readonly operation: BulkOperation;
  readonly type: ResourceType | undefined;
  readonly id: string | undefined;
  readonly status: 'created' | 'changed' | 'noContent' | 'failed';
  readonly resource: StoredResource | undefined;
  /** `AccessEnded` where the token or the switch was changed in between. */
  readonly error: unknown;
}

/** One after the other; then the rest is left for a repetition, for each may take as long as the database is waited for. */
const MAX_UNAVAILABLE = 2;
const NOT_TRIED = 'The database of Unleash cannot be reached at the moment, so this was not tried; repeat it shortly.';

const isUnavailable = ({ error }: BulkOutcome): boolean => error instanceof ScimError && error.kind === 'unavailable';

/** Runs the operations of a bulk request: one that fails takes no other along. */
export class BulkService {
  readonly #services: ReadonlyMap<ResourceType, ResourceService>;

  constructor(services: ReadonlyMap<ResourceType, ResourceService>) {
    this.#services = services;
  }

  async run({ operations, failOnErrors }: BulkRequest, context: RequestContext): Promise<readonly BulkOutcome[]> {
    const ids = new Map<string, string>();
    for (const { bulkId, request } of operations) {
      if (bulkId !== undefined && request.kind === 'create') ids.set(bulkId, randomUUID());
    }
    const outcomes = new Map<number, BulkOutcome>();
    const plan = planBulk(operations);
    let errors = 0;
    let unavailable = 0;
    let together = 0;
    for (const [place, { index, operation, needs }] of plan.entries()) {
      // Where the request ends at a number of errors, nothing may be done before its turn.
      if (failOnErrors === undefined && place >= together) {
        together = place + (await this.#createTogether(plan.slice(place), ids, outcomes, context));
      }
      if (outcomes.has(index)) continue;
      if (failOnErrors !== undefined && errors >= failOnErrors) break;
      if (unavailable === MAX_UNAVAILABLE) {
        outcomes.set(index, this.#failed(operation, new ScimError('unavailable', NOT_TRIED)));
        continue;
      }
      const broken = needs.find((other) => outcomes.get(other)?.status === 'failed');
      const outcome =
        broken === undefined
          ? await this.#runOne(operation, ids, context)
          : this.#failed(
              operation,
              new ScimError('conflict', `The operation refers to bulkId "${operations[broken]?.bulkId}", which failed.`),
            );
      if (outcome.status === 'failed') errors += 1;
      unavailable = isUnavailable(outcome) ? unavailable + 1 : 0;
      outcomes.set(index, outcome);
    }
    return [...outcomes].sort(([a], [b]) => a - b).map(([, outcome]) => outcome);
  }

  /**
   * Creates what stands next in the plan, as far as it needs nothing but itself: many people in a few statements.
   *
   * @returns how many operations of the plan it has looked at, one at least.
   */
  async #createTogether(
    plan: readonly PlannedOperation[],
    ids: ReadonlyMap<string, string>,
    outcomes: Map<number, BulkOutcome>,
    context: RequestContext,
  ): Promise<number> {
    const [first] = plan;
    if (first?.operation.request.kind !== 'create') return 1;
    const { type } = first.operation.request;
    const service = this.#services.get(type);
    if (service?.createFree === undefined) return 1;
    const end = plan.findIndex(
      ({ operation: { request }, needs }) => request.kind !== 'create' || request.type !== type || needs.length > 0,
    );
    const run = end < 0 ? plan : plan.slice(0, end);
    if (run.length < 2) return 1;
    const items = run.flatMap(({ operation }) => {
      const request = resolveReferences(operation, (bulkId) => ids.get(bulkId));
      const id = ids.get(operation.bulkId ?? '');
      return request.kind === 'create' && id !== undefined ? [{ id, body: request.data }] : [];
    });
    // Whatever failed, nobody was created: each operation gets an answer of its own, beside those that are done already.
    const created = await service.createFree(items, context).catch(() => new Map<string, StoredResource>());
    for (const { index, operation } of run) {
      const resource = created.get(ids.get(operation.bulkId ?? '') ?? '');
      if (resource === undefined) continue;
      outcomes.set(index, { operation, type, id: resource.id, status: 'created', resource, error: undefined });
    }
    return run.length;
  }

  async #runOne(operation: BulkOperation, ids: ReadonlyMap<string, string>, context: RequestContext): Promise<BulkOutcome> {
    const request = resolveReferences(operation, (bulkId) => ids.get(bulkId));
    if (request.kind === 'invalid') return this.#failed(operation, request.error);
    const service = this.#services.get(request.type);
    if (service === undefined) throw new Error(`nobody serves ${request.type.name}`);
    const { type } = request;
    const own: RequestContext = { ...context, ifMatch: operation.version };
    const done = (status: BulkOutcome['status'], id: string, resource?: StoredResource): BulkOutcome => ({
      operation,
      type,
      id,
      status,
      resource,
      error: undefined,
    });
    try {
      switch (request.kind) {
        case 'create': {
          const resource = await service.create(request.data, own, ids.get(operation.bulkId ?? ''));
          return done('created', resource.id, resource);
        }
        case 'replace':
          return done('changed', request.id, await service.replace(request.id, request.data, own));
        case 'modify': {
          const resource = await service.modify(request.id, request.data, own);
          return done(resource === undefined ? 'noContent' : 'changed', request.id, resource);
        }
        case 'delete':
          await service.delete(request.id, own);
          return done('noContent', request.id);
      }
    } catch (error) {
      return { ...this.#failed(operation, error), type, id: request.kind === 'create' ? undefined : request.id };
    }
  }

  #failed(operation: BulkOperation, error: unknown): BulkOutcome {
    return { operation, type: undefined, id: undefined, status: 'failed', resource: undefined, error };
  }
}
