import { Random } from './random.js';

export type Action =
  | 'create person'
  | 'replace person'
  | 'patch person'
  | 'suspend'
  | 'suspend and patch'
  | 'resume'
  | 'delete person'
  | 'read person'
  | 'create group'
  | 'replace group'
  | 'rename group'
  | 'add members'
  | 'remove members'
  | 'state members'
  | 'clear members'
  | 'delete group'
  | 'read group'
  | 'bulk';

/** What a client shall do. Who and what is meant is looked up when its turn comes: ids are not known before. */
export interface Command {
  readonly action: Action;
  /** Which of the people or groups. */
  readonly place: number;
  /** People who are to be members. */
  readonly others: readonly number[];
  /** Makes values differ. */
  readonly value: number;
  readonly replica: 0 | 1;
  /** If-Match: none, the newest version that anybody was told of, or the one before. */
  readonly condition: 'none' | 'newest' | 'older';
  /** Sends the token before the present one. */
  readonly withOldToken: boolean;
  readonly parts: readonly Command[];
}

export type Fault =
  | 'kill a replica'
  | 'end connections'
  | 'local user'
  | 'let people in'
  | 'new token'
  | 'off and on'
  | 'delete people'
  | 'delete groups';

/** A fault, and the number of commands that have begun when it comes. */
export interface PlannedFault {
  readonly after: number;
  readonly fault: Fault;
  readonly value: number;
}

export interface Plan {
  readonly clients: readonly (readonly Command[])[];
  readonly faults: readonly PlannedFault[];
}

export const PEOPLE = 14;
export const GROUPS = 5;

const ON_PEOPLE: ReadonlyArray<readonly [number, Action]> = [
  [10, 'create person'],
  [10, 'replace person'],
  [14, 'patch person'],
  [8, 'suspend'],
  [3, 'suspend and patch'],
  [9, 'resume'],
  [4, 'delete person'],
  [8, 'read person'],
];
const ON_GROUPS: ReadonlyArray<readonly [number, Action]> = [
  [6, 'create group'],
  [6, 'replace group'],
  [3, 'rename group'],
  [14, 'add members'],
  [10, 'remove members'],
  [5, 'state members'],
  [2, 'clear members'],
  [2, 'delete group'],
  [8, 'read group'],
];
const BULK: ReadonlyArray<readonly [number, Action]> = [[6, 'bulk']];

const FAULTS: ReadonlyArray<readonly [number, Fault]> = [
  [10, 'end connections'],
  [5, 'local user'],
  [5, 'let people in'],
  [3, 'new token'],
  [2, 'off and on'],
  [1, 'delete people'],
  [1, 'delete groups'],
];

const command = (random: Random, within: ReadonlyArray<readonly [number, Action]>): Command => {
  const action = random.weighted(within);
  const isOfGroup = ON_GROUPS.some(([, name]) => name === action);
  const parts =
    action === 'bulk' ? Array.from({ length: 2 + random.below(5) }, () => command(random, [...ON_PEOPLE, ...ON_GROUPS])) : [];
  return {
    action,
    place: random.below(isOfGroup ? GROUPS : PEOPLE),
    others: Array.from({ length: 1 + random.below(random.once(4) ? 6 : 2) }, () => random.below(PEOPLE)),
    value: random.below(1_000),
    replica: random.below(2) === 0 ? 0 : 1,
    condition: random.weighted([
      [6, 'none'],
      [3, 'newest'],
      [1, 'older'],
    ]),
    withOldToken: random.once(60),
    // A read has no place among what is written together.
    parts: parts.filter((part) => !part.action.startsWith('read')),
  };
};

/** Everything that chance decides, from the seed alone; which answers overlap is up to the machine. */
export const planSoak = (
  seed: number,
  size: { readonly clients: number; readonly commands: number; readonly faults: number; readonly kills: number },
): Plan => {
  const random = new Random(seed);
  const clients = Array.from({ length: size.clients }, () =>
    Array.from({ length: Math.ceil(size.commands / size.clients) }, () => command(random, [...ON_PEOPLE, ...ON_GROUPS, ...BULK])),
  );
  const fault = (name: Fault, part: number): PlannedFault => ({
    after: Math.floor(size.commands * part),
    fault: name,
    value: random.below(1_000),
  });
  const faults = Array.from({ length: size.faults }, () =>
    fault(random.weighted(FAULTS), 0.05 + (0.9 * random.below(1_000)) / 1_000),
  );
  const kills = Array.from({ length: size.kills }, (_none, index) => fault('kill a replica', (index + 0.5) / size.kills));
  return { clients, faults: [...faults, ...kills].sort((a, b) => a.after - b.after) };
};
