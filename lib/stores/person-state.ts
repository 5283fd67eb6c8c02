import type { Document } from '../protocol/document.js';

/** What a write leaves behind, in our columns and in the host's. */
export interface PersonState {
  readonly userName: string;
  readonly externalId: string | null;
  readonly document: Document;
  /** The addresses of the document besides `hostEmail`, lower-case. */
  readonly otherEmails: readonly string[];
  readonly hostName: string | null;
  readonly hostUsername: string | null;
  readonly hostEmail: string | null;
}

export interface NewPerson {
  readonly scimId: string;
  readonly state: PersonState;
  /** False for one who starts suspended: nobody whom the host counts as a seat. */
  readonly hasSeat: boolean;
}
