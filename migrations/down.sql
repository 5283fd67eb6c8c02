-- Removes everything that unleash-scim keeps in the database. Run it with psql after the plugin was taken out of the host:
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f node_modules/unleash-scim/migrations/down.sql
-- People, groups, memberships, roles and the event log stay as they are. People who are suspended at that moment stay
-- soft-deleted, as if an administrator had removed them: resume them first if they shall come back (docs/operations.md).
-- Where SCIM comes back, of ours or of Unleash Enterprise, PGOPTIONS='-c scim.keep_ids=on' keeps the SCIM ids of people and
-- groups and the switch, so that the identity provider finds everybody again.
BEGIN;
DROP TRIGGER IF EXISTS scim_follow_user ON users;
DROP TRIGGER IF EXISTS scim_follow_group ON groups;
DROP TRIGGER IF EXISTS scim_follow_members_inserted ON group_user;
DROP TRIGGER IF EXISTS scim_follow_members_updated ON group_user;
DROP TRIGGER IF EXISTS scim_follow_members_deleted ON group_user;
-- The host hides its own edit buttons for rows that have a SCIM id; without SCIM they are local again.
UPDATE users SET scim_id = NULL, scim_external_id = NULL
WHERE (scim_id IS NOT NULL OR scim_external_id IS NOT NULL) AND current_setting('scim.keep_ids', true) IS DISTINCT FROM 'on';
UPDATE groups SET scim_id = NULL, scim_external_id = NULL
WHERE (scim_id IS NOT NULL OR scim_external_id IS NOT NULL) AND current_setting('scim.keep_ids', true) IS DISTINCT FROM 'on';
DELETE FROM settings WHERE name = 'scim' AND current_setting('scim.keep_ids', true) IS DISTINCT FROM 'on';
-- It gives rows of a table, which cannot be dropped before it.
DROP FUNCTION IF EXISTS scim_lock_person;
DROP TABLE IF EXISTS scim_parked_members, scim_parked_roles, scim_groups, scim_users, scim_page_counts, scim_token, scim_migrations;
DROP FUNCTION IF EXISTS scim_admits, scim_count_inserted, scim_count_deleted, scim_count_person, scim_count_moved, scim_count_none, scim_recount, scim_settle_counts,
  scim_absorb, scim_absorb_all, scim_follow_user, scim_groups_of, scim_parked_group_list, scim_root_role_named, scim_root_role_to_give, scim_root_role_of, scim_user_payload, scim_api_tokens_of, scim_differences, scim_keep_email, scim_claim_email, scim_create_person,
  scim_change_person, scim_soft_delete, scim_suspend_person, scim_end_person, scim_resume_person, scim_close_ways_in, scim_holds_admin,
  scim_follow_group, scim_follow_members, scim_touch_groups, scim_touch_group, scim_membership, scim_uri_component, scim_member, scim_odd_member, scim_members_of, scim_members_within, scim_many_members_of, scim_mixed_members_of,
  scim_member_changes, scim_group_gives_admin, scim_people, scim_lock_group, scim_move_members, scim_change_members, scim_replace_group, scim_create_group,
  scim_group_payload, scim_delete_group, scim_enter, scim_leave;
DROP INDEX IF EXISTS scim_users_username_lower_idx, scim_groups_name_lower_idx, scim_group_user_user_idx, scim_session_user_idx,
  scim_events_token_author_idx, scim_api_tokens_author_idx, scim_api_tokens_name_idx, scim_api_token_project_secret_idx;
COMMIT;
