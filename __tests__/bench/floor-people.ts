import { randomUUID } from 'node:crypto';
import { type Request, type Response, Router } from 'express';
import { handle, pageOf, type RunStatement, refuse, send, sendList, sendNothing, USER_URN } from './floor-answers.js';

export interface PersonRow {
  readonly id: number;
  readonly scim_id: string;
  readonly external_id: string | null;
  readonly username: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly created_at: Date;
  readonly deleted_at: Date | null;
}

const COLUMNS = ['id', 'scim_id', 'external_id', 'username', 'email', 'name', 'created_at', 'deleted_at'];
const OWN = COLUMNS.join(', ');
const OF_U = COLUMNS.map((column) => `u.${column}`).join(', ');
const PAYLOAD = `jsonb_build_object('id', id, 'name', name, 'username', username, 'email', email)`;
const LOG = 'INSERT INTO floor.events (type, created_by, data)';
/** What was changed, or what stood there where nothing had to be. */
const OUTCOME = 'SELECT * FROM changed UNION ALL SELECT * FROM old WHERE NOT EXISTS (SELECT FROM changed)';

/** What the floor runs for each request about one person. */
export const PERSON_STATEMENTS = {
  get: `SELECT ${OWN} FROM floor.users WHERE scim_id = $1`,
  create: `WITH created AS (
    INSERT INTO floor.users (scim_id, external_id, username, email, name, deleted_at)
    VALUES ($1, $2, $3, $4, $5, CASE WHEN $6::boolean THEN NULL ELSE now() END) RETURNING ${OWN}),
  logged AS (${LOG} SELECT 'user-created', 'floor', ${PAYLOAD} FROM created)
  SELECT * FROM created`,
  replace: `WITH old AS (SELECT ${OWN} FROM floor.users WHERE scim_id = $1),
  changed AS (
    UPDATE floor.users u SET external_id = $2, username = $3, email = $4, name = $5,
      deleted_at = CASE WHEN $6::boolean THEN NULL ELSE coalesce(u.deleted_at, now()) END
    FROM old WHERE u.id = old.id AND (u.external_id, u.username, u.email, u.name, u.deleted_at IS NULL) IS DISTINCT FROM ($2, $3, $4, $5, $6::boolean)
    RETURNING ${OF_U}),
  logged AS (${LOG} SELECT 'user-updated', 'floor', ${PAYLOAD} FROM changed)
  ${OUTCOME}`,
  setActive: `WITH old AS (SELECT ${OWN} FROM floor.users WHERE scim_id = $1),
  changed AS (
    UPDATE floor.users u SET deleted_at = CASE WHEN $2::boolean THEN NULL ELSE now() END
    FROM old WHERE u.id = old.id AND (u.deleted_at IS NULL) <> $2::boolean RETURNING ${OF_U}),
  logged AS (${LOG} SELECT 'user-updated', 'floor', jsonb_build_object('id', id, 'active', $2::boolean) FROM changed)
  ${OUTCOME}`,
  delete: `WITH deleted AS (DELETE FROM floor.users WHERE scim_id = $1 RETURNING id),
  logged AS (${LOG} SELECT 'user-deleted', 'floor', jsonb_build_object('id', id) FROM deleted)
  SELECT id FROM deleted`,
} as const;
const TOTAL = '(SELECT count(*)::integer FROM floor.users) AS total';
/** Skips by the narrow index, and reads the rows of the page only. */
const BY_INDEX = `SELECT ${TOTAL}, ${OF_U} FROM (SELECT id FROM floor.users ORDER BY id OFFSET $1 LIMIT $2) page JOIN floor.users u USING (id) ORDER BY u.id`;
const BY_CURSOR = `SELECT ${TOTAL}, ${OF_U} FROM floor.users u WHERE u.id > $1 ORDER BY u.id LIMIT $2`;

const LOOKUPS: Readonly<Record<string, string>> = {
  id: 'scim_id = $1',
  userName: 'lower(username) = lower($1)',
  externalId: 'external_id = $1',
  'emails.value': 'email = lower($1)',
};

const personJson = (row: PersonRow): string => {
  const name = row.name ?? '';
  const [givenName = '', ...rest] = name.split(' ');
  return JSON.stringify({
    schemas: [USER_URN],
    id: row.scim_id,
    externalId: row.external_id,
    userName: row.username,
    displayName: name,
    name: { formatted: name, givenName, familyName: rest.join(' ') },
    emails: [{ value: row.email, type: 'work', primary: true }],
    active: row.deleted_at === null,
    meta: { resourceType: 'User', created: row.created_at, location: `/scim/v2/Users/${row.scim_id}` },
  });
};

export const sendPerson = (response: Response, status: number, row: PersonRow | undefined): void =>
  row === undefined ? refuse(response, 404, 'Not found.') : send(response, status, personJson(row));

export const valuesOf = ({ body }: Request): readonly unknown[] => [
  body.externalId ?? null,
  body.userName,
  body.emails?.[0]?.value ?? body.userName,
  body.name?.formatted ?? body.displayName ?? null,
  body.active !== false,
];

const sendPeople = async (run: RunStatement, request: Request, response: Response): Promise<void> => {
  const { filter, cursor } = request.query;
  if (typeof filter === 'string') {
    const [, attribute = '', value] = /^([\w.]+) eq "([^"]*)"$/.exec(filter) ?? [];
    const condition = LOOKUPS[attribute];
    if (condition === undefined) return refuse(response, 400, 'The floor has no such filter.');
    const found = await run<PersonRow>(`lookup ${attribute}`, `SELECT ${OWN} FROM floor.users WHERE ${condition}`, [value]);
    return sendList(response, found.length, found.map(personJson), { startIndex: 1 });
  }
  const { start, count } = pageOf(request.query);
  const rows =
    typeof cursor === 'string'
      ? await run<PersonRow & { total: number }>('by cursor', BY_CURSOR, [Number(cursor), count])
      : await run<PersonRow & { total: number }>('by index', BY_INDEX, [start - 1, count]);
  const last = rows[count - 1]?.id;
  const next = last === undefined ? {} : { nextCursor: String(last) };
  sendList(response, rows[0]?.total ?? 0, rows.map(personJson), typeof cursor === 'string' ? next : { startIndex: start });
};

const patchActive = async (run: RunStatement, request: Request, response: Response): Promise<void> => {
  const [operation] = request.body.Operations;
  if (operation?.path !== 'active') return refuse(response, 400, 'The floor changes active alone.');
  const [row] = await run<PersonRow>('set active', PERSON_STATEMENTS.setActive, [request.params.id, operation.value]);
  sendPerson(response, 200, row);
};

export const floorPeople = (run: RunStatement): Router => {
  const router = Router();
  router
    .route('/Users')
    .get(handle((request, response) => sendPeople(run, request, response)))
    .post(
      handle(async (request, response) => {
        const [row] = await run<PersonRow>('create', PERSON_STATEMENTS.create, [randomUUID(), ...valuesOf(request)]);
        sendPerson(response, 201, row);
      }),
    );
  router
    .route('/Users/:id')
    .get(
      handle(async (request, response) => {
        const [row] = await run<PersonRow>('get', PERSON_STATEMENTS.get, [request.params.id]);
        sendPerson(response, 200, row);
      }),
    )
    .put(
      handle(async (request, response) => {
        const [row] = await run<PersonRow>('replace', PERSON_STATEMENTS.replace, [request.params.id, ...valuesOf(request)]);
        sendPerson(response, 200, row);
      }),
    )
    .patch(handle((request, response) => patchActive(run, request, response)))
    .delete(
      handle(async (request, response) => {
        const rows = await run('delete', PERSON_STATEMENTS.delete, [request.params.id]);
        if (rows.length === 0) refuse(response, 404, 'Not found.');
        else sendNothing(response);
      }),
    );
  return router;
};
