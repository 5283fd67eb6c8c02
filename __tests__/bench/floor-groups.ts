import { randomUUID } from 'node:crypto';
import { type Request, Router } from 'express';
import { GROUP_URN, handle, pageOf, type RunStatement, refuse, send, sendList, sendNothing } from './floor-answers.js';

export interface GroupRow {
  readonly scim_id: string;
  readonly external_id: string | null;
  readonly name: string;
  readonly created_at: Date;
}

const COLUMNS = 'id, scim_id, external_id, name, created_at';
const LOG = 'INSERT INTO floor.events (type, created_by, data)';
const FOUND = 'SELECT id, name FROM floor.groups WHERE scim_id = $1';
const PEOPLE = 'SELECT u.id FROM floor.users u WHERE u.scim_id = ANY($2::text[])';

const logMembers = (type: string, from: string): string =>
  `${LOG} SELECT '${type}', 'floor', jsonb_build_object('group', found.id, 'users', (SELECT jsonb_agg(user_id) FROM ${from}))
   FROM found WHERE EXISTS (SELECT FROM ${from})`;

const CREATE = `WITH created AS (
    INSERT INTO floor.groups (scim_id, external_id, name) VALUES ($1, $3, $4) RETURNING ${COLUMNS}),
  joined AS (INSERT INTO floor.group_user (group_id, user_id) SELECT created.id, u.id FROM created, (${PEOPLE}) u),
  logged AS (${LOG} SELECT 'group-created', 'floor', jsonb_build_object('id', id, 'name', name, 'members', $2::text[]) FROM created)
  SELECT * FROM created`;
const ADD = `WITH found AS (${FOUND}),
  joined AS (
    INSERT INTO floor.group_user (group_id, user_id) SELECT found.id, u.id FROM found, (${PEOPLE}) u
    ON CONFLICT DO NOTHING RETURNING user_id),
  logged AS (${logMembers('group-user-added', 'joined')})
  SELECT id FROM found`;
const REMOVE = `WITH found AS (${FOUND}),
  gone AS (
    DELETE FROM floor.group_user WHERE group_id = (SELECT id FROM found) AND user_id = ANY(ARRAY(${PEOPLE})) RETURNING user_id),
  logged AS (${logMembers('group-user-removed', 'gone')})
  SELECT id FROM found`;
const REPLACE = `WITH found AS (${FOUND}),
  wanted AS MATERIALIZED (${PEOPLE}),
  gone AS (
    DELETE FROM floor.group_user m WHERE group_id = (SELECT id FROM found) AND NOT EXISTS (SELECT FROM wanted WHERE wanted.id = m.user_id)
    RETURNING user_id),
  joined AS (
    INSERT INTO floor.group_user (group_id, user_id) SELECT found.id, wanted.id FROM found, wanted
    WHERE NOT EXISTS (SELECT FROM floor.group_user m WHERE m.group_id = found.id AND m.user_id = wanted.id)
    RETURNING user_id),
  logged_gone AS (${logMembers('group-user-removed', 'gone')}),
  logged_joined AS (${logMembers('group-user-added', 'joined')})
  SELECT id FROM found`;
const READ = `SELECT ${COLUMNS}, (
    SELECT string_agg(concat('{"value":"', u.scim_id, '","display":', to_json(u.name)::text, '}'), ',')
    FROM floor.group_user m JOIN floor.users u ON u.id = m.user_id WHERE m.group_id = g.id) AS members
  FROM floor.groups g WHERE scim_id = $1`;
const LIST = `SELECT (SELECT count(*)::integer FROM floor.groups) AS total, ${COLUMNS} FROM floor.groups ORDER BY id OFFSET $1 LIMIT $2`;

const LOOKUPS: Readonly<Record<string, string>> = { displayName: 'name = $1', externalId: 'external_id = $1' };

/** Members are JSON already, made where it is cheapest. */
export const groupJson = (row: GroupRow, members?: string): string => {
  const { scim_id: id, external_id: externalId, name: displayName } = row;
  const meta = { resourceType: 'Group', created: row.created_at, location: `/scim/v2/Groups/${id}` };
  const head = JSON.stringify({ schemas: [GROUP_URN], id, externalId, displayName, meta });
  return members === undefined ? head : `${head.slice(0, -1)},"members":[${members}]}`;
};

const idsIn = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.map((member: { readonly value: string }) => member.value) : [];

/** The operation of a PATCH of members, and whom it is about. */
export const movedMembers = ({ body }: Request): { readonly op: string; readonly ids: readonly string[] } => {
  const [operation] = body.Operations;
  const [, single] = /^members\[value eq "([^"]+)"\]$/.exec(operation.path ?? '') ?? [];
  return { op: operation.op, ids: single === undefined ? idsIn(operation.value) : [single] };
};

export const GROUP_STATEMENTS = { create: CREATE, add: ADD, remove: REMOVE, replace: REPLACE } as const;
const STATEMENTS: Readonly<Record<string, string>> = GROUP_STATEMENTS;

export const floorGroups = (run: RunStatement): Router => {
  const router = Router();
  router
    .route('/Groups')
    .get(
      handle(async (request, response) => {
        const { filter } = request.query;
        if (typeof filter === 'string') {
          const [, attribute = '', value] = /^(\w+) eq "([^"]*)"$/.exec(filter) ?? [];
          const condition = LOOKUPS[attribute];
          if (condition === undefined) return refuse(response, 400, 'The floor has no such filter.');
          const text = `SELECT ${COLUMNS} FROM floor.groups WHERE ${condition}`;
          const found = await run<GroupRow>(`group lookup ${attribute}`, text, [value]);
          return sendList(
            response,
            found.length,
            found.map((row) => groupJson(row)),
            { startIndex: 1 },
          );
        }
        const { start, count } = pageOf(request.query);
        const rows = await run<GroupRow & { total: number }>('list groups', LIST, [start - 1, count]);
        sendList(
          response,
          rows[0]?.total ?? 0,
          rows.map((row) => groupJson(row)),
          { startIndex: start },
        );
      }),
    )
    .post(
      handle(async ({ body }, response) => {
        const ids = idsIn(body.members);
        const [row] = await run<GroupRow>('create group', CREATE, [randomUUID(), ids, body.externalId ?? null, body.displayName]);
        if (row !== undefined) send(response, 201, groupJson(row, ids.map((value) => JSON.stringify({ value })).join(',')));
      }),
    );
  router
    .route('/Groups/:id')
    .get(
      handle(async (request, response) => {
        const [row] = await run<GroupRow & { members: string | null }>('get group', READ, [request.params.id]);
        if (row === undefined) refuse(response, 404, 'Not found.');
        else send(response, 200, groupJson(row, row.members ?? ''));
      }),
    )
    .patch(
      handle(async (request, response) => {
        const { op, ids } = movedMembers(request);
        const text = STATEMENTS[op];
        if (text === undefined) return refuse(response, 400, 'The floor has no such operation.');
        const rows = await run(`${op} members`, text, [request.params.id, ids]);
        if (rows.length === 0) refuse(response, 404, 'Not found.');
        else sendNothing(response);
      }),
    )
    .delete(
      handle(async (request, response) => {
        const text = `WITH deleted AS (DELETE FROM floor.groups WHERE scim_id = $1 RETURNING id)
          ${LOG} SELECT 'group-deleted', 'floor', jsonb_build_object('id', id) FROM deleted`;
        await run('delete group', text, [request.params.id]);
        sendNothing(response);
      }),
    );
  return router;
};
