import { ScimError } from '../protocol/errors.js';
import type { Claim } from '../stores/claim-store.js';
import type { PersonState } from '../stores/person-state.js';

/** Who stands in the way of a person's names, or may be taken over. */
export interface ClaimVerdict {
  /** The one unmanaged host user with these names. */
  readonly adoptable: Claim | undefined;
}

const same = (a: string | null, b: string | null): boolean => a !== null && b !== null && a.toLowerCase() === b.toLowerCase();

/** How an administrator finds a host user in the pages of Unleash. */
const shownAs = (claim: Claim): string => `"${claim.username ?? claim.email ?? claim.name ?? ''}" (user ${claim.userId})`;

const taken = (detail: string): ScimError => new ScimError('uniqueness', detail);

const assertDistinct = (claim: Claim, state: PersonState): void => {
  const userName = claim.scimUserName ?? claim.username ?? claim.email;
  if (same(userName, state.userName)) {
    throw taken(`userName "${state.userName}" belongs to a person whom SCIM already manages; find them by a filter on userName.`);
  }
  if (same(claim.live ? claim.email : claim.scimEmail, state.hostEmail)) {
    throw taken(
      `The e-mail "${state.hostEmail}" belongs to "${userName}", whom SCIM already manages; find them by a filter on userName or emails.value.`,
    );
  }
  if (state.externalId !== null && claim.externalId === state.externalId) {
    throw taken(
      `externalId "${state.externalId}" belongs to "${userName}", whom SCIM already manages; find them by a filter on externalId.`,
    );
  }
};

export const isRecoveryAdmin = (names: readonly (string | null)[], recoveryAdmins: readonly string[]): boolean =>
  names.some((name) => name !== null && recoveryAdmins.includes(name.toLowerCase()));

/** A recovery admin is the way back in when the identity provider is wrong, so no identity provider may become one. */
export const assertNotRecoveryAdmin = (state: PersonState, recoveryAdmins: readonly string[]): void => {
  if (isRecoveryAdmin([state.userName, state.hostEmail], recoveryAdmins)) {
    throw taken(
      `"${state.userName}" is a recovery admin of Unleash, whom SCIM may not manage; give the person another userName and e-mail.`,
    );
  }
};

/**
 * Weighs everybody who has one of the person's names (any case) or the externalId.
 *
 * @param self the host id of the person who is changed; undefined for a new one.
 * @throws {ScimError} `uniqueness`: a managed person, a service or system account, a recovery admin, or two different host users.
 */
export const weighClaims = (
  claims: readonly Claim[],
  state: PersonState,
  recoveryAdmins: readonly string[],
  self: number | undefined,
): ClaimVerdict => {
  const unmanaged: Claim[] = [];
  for (const claim of claims) {
    if (claim.userId === self) continue;
    if (claim.state === 'suspended' || (claim.live && claim.scimId !== null)) assertDistinct(claim, state);
    else if (claim.live) unmanaged.push(claim);
  }
  for (const claim of unmanaged) {
    if (claim.isService || claim.isSystem) {
      throw taken(
        `The name "${state.userName}" belongs to a service or system account of Unleash; give the person another userName and e-mail.`,
      );
    }
    if (isRecoveryAdmin([claim.username, claim.email], recoveryAdmins)) {
      throw taken(
        `${shownAs(claim)} is a recovery admin of Unleash, whom SCIM may not manage; give the person another userName and e-mail.`,
      );
    }
  }
  if (unmanaged.length > 1) {
    throw taken(
      `The userName and the e-mail belong to two different users of Unleash, ${unmanaged.map(shownAs).join(' and ')}; an administrator must change the e-mail of one of them, or remove one.`,
    );
  }
  return { adoptable: unmanaged[0] };
};

/** @throws {ScimError} `uniqueness` where a local user has the name that a person shall get. */
export const assertNobodyInTheWay = (verdict: ClaimVerdict, state: PersonState): void => {
  if (verdict.adoptable !== undefined) {
    throw taken(
      `The name "${state.userName}" or the e-mail "${state.hostEmail ?? ''}" belongs to the local user ${shownAs(verdict.adoptable)}; an administrator must rename that user (change the e-mail) or remove it first.`,
    );
  }
};

/** @throws {ScimError} `uniqueness`, with both ways out, where a local user took the names of a suspended person meanwhile. */
export const assertMayResume = (verdict: ClaimVerdict): void => {
  if (verdict.adoptable !== undefined) {
    throw taken(
      `The person cannot be resumed: the local user ${shownAs(verdict.adoptable)} has taken the name meanwhile. Either an administrator renames that user in Unleash (changes the e-mail) or removes it, or the identity provider deletes this person and creates them anew, which takes that user over.`,
    );
  }
};
