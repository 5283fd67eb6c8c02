import type { RootQuery } from '../protocol/list-query.js';
import { joinSql, sql } from '../sql/sql.js';
import type { Access, Database } from './database.js';
import { matchingGroups } from './group-sql.js';
import { type Page, type PageRequest, readPage } from './page-sql.js';
import { matchingPeople } from './person-sql.js';

/** Host ids are 32 bits wide, so a group's id and this are no person's. */
const GROUP_OFFSET = 2 ** 32;

export interface RootEntry {
  readonly type: 'User' | 'Group';
  readonly id: number;
}

/** Lists over people and groups together; without a sorting people come first. */
export class RootStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async list({ types, isSorted, descending }: RootQuery, page: PageRequest, access: Access): Promise<Page<RootEntry>> {
    const [people, groups] = types;
    const parts = [
      ...(people?.matches === true ? [matchingPeople(people)] : []),
      ...(groups?.matches === true ? [matchingGroups(groups, GROUP_OFFSET)] : []),
    ];
    const nothing = sql`SELECT 0 AS list_id, NULL::text COLLATE "C" AS list_key WHERE FALSE`;
    const matching = parts.length === 0 ? nothing : joinSql(parts, sql` UNION ALL `);
    const found = await readPage(this.#database, { matching, read: undefined, isSorted, descending }, page, access);
    const rows = found.positions.map(
      ({ id }): RootEntry => (id >= GROUP_OFFSET ? { type: 'Group', id: id - GROUP_OFFSET } : { type: 'User', id }),
    );
    return { ...found, rows };
  }
}
