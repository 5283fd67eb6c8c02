import type { Database } from './database.js';

/**
 * What a kind of write left of the people and groups whose names begin with `name`, and what the event log says of it, without
 * what no two runs have in common.
 */
export const stateOf = async (db: Database, name: string, mark: number): Promise<unknown> => {
  const [row] = await db.query<{ state: string }>(
    `SELECT jsonb_pretty(jsonb_build_object(
       'people', (SELECT jsonb_agg(jsonb_build_object('userName', s.user_name, 'state', s.state, 'externalId', s.external_id,
           'document', s.document, 'names', jsonb_build_array(s.host_name, s.host_username, s.host_email), 'version', s.version,
           'host', jsonb_build_array(u.name, u.username, u.email, u.scim_id = s.scim_id, u.scim_external_id, u.deleted_at IS NULL,
             CASE WHEN u.email IS NULL THEN u.email_hash IS NOT NULL ELSE u.email_hash = encode(sha256(convert_to(u.email, 'UTF8')), 'hex') END),
           'roles', (SELECT jsonb_agg(ru.role_id || ':' || ru.project ORDER BY 1) FROM role_user ru WHERE ru.user_id = u.id),
           'parkedRoles', (SELECT jsonb_agg(pr.role_id || ':' || pr.project ORDER BY 1) FROM scim_parked_roles pr WHERE pr.user_id = u.id))
         ORDER BY s.user_name, s.state) FROM scim_users s JOIN users u ON u.id = s.user_id WHERE s.user_name LIKE $1 || '%'),
       'unmanaged', (SELECT count(*) FROM users u WHERE (u.username LIKE $1 || '%' OR u.email LIKE $1 || '%') AND u.scim_id IS NULL),
       'groups', (SELECT jsonb_agg(jsonb_build_object('name', g.name, 'isManaged', g.scim_id IS NOT NULL, 'externalId', g.scim_external_id,
           'role', g.root_role_id, 'version', sg.version,
           'members', (SELECT jsonb_agg(s.user_name ORDER BY s.user_name) FROM group_user gu JOIN scim_users s ON s.user_id = gu.user_id WHERE gu.group_id = g.id),
           'parked', (SELECT jsonb_agg(s.user_name ORDER BY s.user_name) FROM scim_parked_members pm JOIN scim_users s ON s.user_id = pm.user_id WHERE pm.group_id = g.id))
         ORDER BY g.name) FROM groups g LEFT JOIN scim_groups sg ON sg.group_id = g.id WHERE g.name LIKE $1 || '%'),
       'events', (SELECT jsonb_agg(t.told ORDER BY t.told) FROM (SELECT jsonb_build_object('type', e.type,
           'data', e.data::jsonb - '{id,userId,groupId,scimId,createdAt,users}'::text[],
           'before', e.pre_data::jsonb - '{id,userId,groupId,scimId,createdAt,users}'::text[],
           'user', (SELECT s.user_name FROM scim_users s WHERE s.user_id::text = coalesce(e.data ->> 'userId', e.pre_data ->> 'userId'))) AS told
         FROM events e WHERE e.id > $2) t))) AS state`,
    [name, mark],
  );
  return JSON.parse((row?.state ?? '').replaceAll(name, 'NAME'));
};
