/** What the clients of a soak asked for, and what they were told. */

/** What is stated of a person besides `active`; null: nothing. */
export interface PersonStatement {
  readonly userName: string;
  readonly email: string;
  readonly displayName: string | null;
  readonly title: string | null;
  readonly externalId: string | null;
}

/** A person as an answer shows them. */
export interface PersonState extends PersonStatement {
  readonly active: boolean;
}

/** A group as an answer shows it; members by their SCIM ids. */
export interface GroupState {
  readonly displayName: string;
  readonly members: readonly string[];
}

export type PersonEffect =
  | { readonly on: 'person'; readonly does: 'create'; readonly statement: PersonStatement; readonly active: boolean }
  | {
      readonly on: 'person';
      readonly does: 'write';
      readonly id: string;
      /** Of a PUT all attributes, of a PATCH those that it names. */
      readonly attributes: Partial<PersonStatement>;
      /** undefined: stays as it is. */
      readonly active: boolean | undefined;
    }
  | { readonly on: 'person'; readonly does: 'delete' | 'read'; readonly id: string };

export type GroupEffect =
  | { readonly on: 'group'; readonly does: 'create'; readonly displayName: string; readonly members: readonly string[] }
  | {
      readonly on: 'group';
      readonly does: 'write';
      readonly id: string;
      readonly displayName: string | undefined;
      readonly add: readonly string[];
      readonly remove: readonly string[];
      /** Whoever is not added goes. */
      readonly exact: boolean;
    }
  | { readonly on: 'group'; readonly does: 'delete' | 'read'; readonly id: string };

export type Effect =
  | PersonEffect
  | GroupEffect
  /** A new token; the switch; the two buttons. By the admin's pages, one after the other. */
  | { readonly on: 'settings'; readonly does: 'token' | 'switch on' | 'switch off' | 'delete people' | 'delete groups' };

/** What an answer tells, as far as it does. */
export interface Answer {
  readonly id?: string;
  readonly version?: number;
  readonly person?: PersonState;
  readonly group?: GroupState;
  /** The groups of a person, by their SCIM ids. */
  readonly groups?: readonly string[];
}

/** One request, or one operation of a bulk request. Times are milliseconds of one clock. */
export interface Call {
  readonly client: number;
  readonly replica: number;
  readonly effect: Effect;
  /** The version that If-Match names. */
  readonly ifMatch?: number;
  /** Which of the tokens was sent, counted from 0; of a rotation that is done the one that it made. */
  readonly token: number;
  readonly start: number;
  /** Infinity where no answer came. */
  readonly end: number;
  /** undefined: no answer came, so it may be done or not, now or later. */
  readonly status: number | undefined;
  /** Whether a 503 says when to come again. */
  readonly retryAfter?: boolean;
  readonly answer: Answer;
}

export const isDone = ({ status }: Call): boolean => status !== undefined && status >= 200 && status < 300;

export const isUnknown = ({ status }: Call): boolean => status === undefined;

/** Done, or nobody knows. */
export const mayBeDone = (call: Call): boolean => isDone(call) || isUnknown(call);

/** What the database holds when all is at rest. */
export interface Rest {
  readonly people: readonly {
    readonly userId: number;
    readonly id: string;
    readonly state: 'active' | 'suspended' | 'gone';
    readonly version: number;
  }[];
  readonly groups: readonly { readonly groupId: number; readonly id: string; readonly version: number }[];
  /** Live and parked. */
  readonly members: readonly { readonly groupId: number; readonly userId: number }[];
  readonly events: readonly RestEvent[];
}

/** An event of the host's log. */
export interface RestEvent {
  readonly id: number;
  readonly type: string;
  /** Whether an identity provider did it; else an admin. */
  readonly byScim: boolean;
  readonly adopted: boolean;
  readonly userId: number | undefined;
  readonly groupId: number | undefined;
  /** The same for all events of one transaction. */
  readonly at: string;
}

/** What is wrong, and the calls that show it. */
export interface Problem {
  readonly what: string;
  readonly calls: readonly Call[];
}

export const problem = (what: string, ...calls: readonly (Call | undefined)[]): Problem => ({
  what,
  calls: calls.filter((call) => call !== undefined),
});
