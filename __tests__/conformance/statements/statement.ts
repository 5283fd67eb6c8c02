/** What the RFCs ask of a service provider, in the words of RFC 2119; SHALL and REQUIRED are MUST, RECOMMENDED is SHOULD, OPTIONAL is MAY. */
export type Level = 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT' | 'MAY';

export interface Statement {
  /** RFC, section and a number within it: `7644-3.5.2-07`. */
  readonly id: string;
  readonly section: string;
  readonly level: Level;
  /** In our words, not the RFC's. */
  readonly statement: string;
  readonly status: 'met' | 'deviation' | 'not applicable';
  /** What we do; of a deviation also why. */
  readonly ours: string;
  /** `file › name` of the jest test that shows it. */
  readonly test?: string;
}

const sectionOf = (id: string): string => id.split('-')[1] ?? '';

export const met = (id: string, level: Level, statement: string, ours: string, test: string): Statement => ({
  id,
  section: sectionOf(id),
  level,
  statement,
  status: 'met',
  ours,
  test,
});

/** `test`: what shows the behaviour that deviates, where it can be shown. */
export const deviates = (id: string, level: Level, statement: string, ours: string, test?: string): Statement => ({
  id,
  section: sectionOf(id),
  level,
  statement,
  status: 'deviation',
  ours,
  ...(test === undefined ? {} : { test }),
});

export const notApplicable = (id: string, level: Level, statement: string, ours: string): Statement => ({
  id,
  section: sectionOf(id),
  level,
  statement,
  status: 'not applicable',
  ours,
});
