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
 * The statement, and whether it may be run: what `scim_admits` says, at half its cost. There is a row in any case; the statement
 * is run only where the door is open. The number of the token is the first parameter.
 */
export const provenBy = (statement: SqlFragment, { tokenNumber, writes }: Access): SqlFragment => sql`
  SELECT door.is_open AS "isOpen", proven.* FROM (SELECT EXISTS (SELECT 1 FROM scim_token WHERE number = ${tokenNumber}::integer)
    AND EXISTS (SELECT 1 FROM settings WHERE name = 'scim' AND content ->> 'enabled' = 'true') ${writes ? MAINTAINED : sql``} OFFSET 0) AS door(is_open)
  LEFT JOIN LATERAL (SELECT TRUE AS "isFound", s.* FROM (${statement}) s WHERE door.is_open) proven ON TRUE`;

export interface Proof {
  readonly isOpen: boolean;
  readonly isFound: boolean | null;
}

export const proven = <Row>(rows: readonly (Row & Proof)[]): readonly Row[] => {
  const [first] = rows;
  if (first?.isOpen !== true) throw new AccessEnded('SCIM is closed to this token');
  return first.isFound === true ? rows : [];
};
