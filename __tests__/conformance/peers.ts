import scimPatchModule, { type ScimPatchOperation, type ScimResource } from 'scim-patch';
import parseFilterModule from 'scim2-parse-filter';
import SCIMMY from 'scimmy';
import { isUnassigned, type Json, type JsonObject } from '../../lib/protocol/document.js';
import { ScimError } from '../../lib/protocol/errors.js';
import { parseFilter, resolveFilter } from '../../lib/protocol/filter.js';
import { matchesFilter } from '../../lib/protocol/match.js';
import { applyPatch } from '../../lib/protocol/patch.js';
import { readPatch } from '../../lib/protocol/patch-request.js';
import { ENTERPRISE_URN, USER_RESOURCE_TYPE, USER_URN } from '../../lib/protocol/resource-schemas.js';

/** Other people's implementations of the same RFC, and ours, behind one face: what a filter matches, what a PATCH leaves. */

export type FilterPeer = 'scim2-parse-filter' | 'scimmy';
export type PatchPeer = 'scim-patch' | 'scimmy';

export type Verdict = 'match' | 'no match' | 'refused';
export type Outcome = JsonObject | 'refused';

const verdict = (evaluate: () => boolean): Verdict => {
  try {
    return evaluate() ? 'match' : 'no match';
  } catch {
    return 'refused';
  }
};

export const ourVerdict = (filter: string, resource: JsonObject): Verdict => {
  try {
    return matchesFilter(resource, resolveFilter(USER_RESOURCE_TYPE, parseFilter(filter))) ? 'match' : 'no match';
  } catch (error) {
    if (error instanceof ScimError) return 'refused';
    throw error;
  }
};

export const peerVerdict = (peer: FilterPeer, filter: string, resource: JsonObject): Verdict =>
  verdict(() => {
    switch (peer) {
      case 'scim2-parse-filter':
        return parseFilterModule.filter(parseFilterModule.parse(filter))(structuredClone(resource));
      case 'scimmy':
        return new SCIMMY.Types.Filter(filter).match([structuredClone(resource)]).length > 0;
    }
  });

/** Without what is unassigned, names in order: RFC 7643 2.5 makes null, [] and absent one state. */
const tidy = (value: unknown): Json | undefined => {
  if (Array.isArray(value)) return value.flatMap((element) => tidy(element) ?? []);
  if (typeof value !== 'object' || value === null) return value as Json;
  const entries = Object.entries(value).flatMap(([name, part]) => {
    const kept = tidy(part);
    return kept === undefined || isUnassigned(kept) ? [] : [[name, kept] as const];
  });
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
};

const outcomeOf = (document: unknown): Outcome => {
  const { schemas: _schemas, meta: _meta, ...rest } = tidy(document) as { readonly [name: string]: Json };
  return rest;
};

export const ourOutcome = (document: JsonObject, operations: readonly object[]): Outcome => {
  try {
    return outcomeOf(applyPatch(document, readPatch({ Operations: operations }), USER_RESOURCE_TYPE));
  } catch (error) {
    if (error instanceof ScimError) return 'refused';
    throw error;
  }
};

// The declared types know less than the code: a schema class is taken.
SCIMMY.Schemas.User.extend(SCIMMY.Schemas.EnterpriseUser as unknown as Parameters<typeof SCIMMY.Schemas.User.extend>[0]);

type PatchOperations = NonNullable<ConstructorParameters<typeof SCIMMY.Messages.PatchOp>[0]>['Operations'];

const bySCIMMY = async (document: JsonObject, operations: readonly object[]): Promise<unknown> => {
  const whole = { schemas: [USER_URN, ENTERPRISE_URN], id: '7', ...structuredClone(document) };
  const resource = new SCIMMY.Schemas.User(whole);
  const message = new SCIMMY.Messages.PatchOp({
    schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
    Operations: structuredClone(operations) as PatchOperations,
  });
  // Nothing comes back where nothing has changed.
  const changed = (await message.apply(resource)) ?? resource;
  const { id: _id, ...rest } = JSON.parse(JSON.stringify(changed)) as Record<string, unknown>;
  return rest;
};

export const peerOutcome = async (peer: PatchPeer, document: JsonObject, operations: readonly object[]): Promise<Outcome> => {
  try {
    if (peer === 'scimmy') return outcomeOf(await bySCIMMY(document, operations));
    const resource = { schemas: [USER_URN], ...structuredClone(document) } as unknown as ScimResource;
    scimPatchModule.patchBodyValidation({
      schemas: [scimPatchModule.PATCH_OPERATION_SCHEMA],
      Operations: structuredClone(operations) as ScimPatchOperation[],
    });
    return outcomeOf(scimPatchModule.scimPatch(resource, structuredClone(operations) as ScimPatchOperation[]));
  } catch {
    return 'refused';
  }
};
