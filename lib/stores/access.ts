import { type SqlFragment, sql } from '../sql/sql.js';

/** What a request is let in by; proven within its own statements, for another replica may have closed the door meanwhile. */
export interface Access {
  readonly tokenNumber: number;
  readonly writes: boolean;
}

/** The door was closed: the token was replaced, SCIM switched off, or maintenance begun. Nothing was read or changed. */
export class AccessEnded extends Error {
  override readonly name = 'AccessEnded';
}

const MAINTAINED = sql`AND NOT EXISTS (SELECT 1 FROM settings WHERE name = 'maintenance.mode' AND content ->> 'enabled' = 'true')`;

/**
 * The statement, and whether it may be run: what `scim_admits` says, at half its cost. There is no row where the door is closed, and
 * the statement is not run; where it is open there is one in any case. The number of the token is the first parameter.
 */
export const provenBy = (statement: SqlFragment, { tokenNumber, writes }: Access): SqlFragment => sql`
  SELECT proven.* FROM (SELECT EXISTS (SELECT 1 FROM scim_token WHERE number = ${tokenNumber}::integer)
    AND EXISTS (SELECT 1 FROM settings WHERE name = 'scim' AND content ->> 'enabled' = 'true') ${writes ? MAINTAINED : sql``} OFFSET 0) AS door(is_open)
  LEFT JOIN LATERAL (SELECT TRUE AS "isFound", s.* FROM (${statement}) s) proven ON TRUE WHERE door.is_open`;

export interface Proof {
  readonly isFound: boolean | null;
}

export const proven = <Row>(rows: readonly (Row & Proof)[]): readonly Row[] => {
  const [first] = rows;
  if (first === undefined) throw new AccessEnded('SCIM is closed to this token');
  return first.isFound === true ? rows : [];
};
