-- Removes everything that unleash-scim keeps in the database. Run it with psql after the plugin was taken out of the host:
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f node_modules/unleash-scim/migrations/down.sql
-- People, groups, memberships, roles and the event log stay as they are. People who are suspended at that moment stay
-- soft-deleted, as if an administrator had removed them: resume them first if they shall come back.
BEGIN;
-- The host hides its own edit buttons for rows that have a SCIM id; without SCIM they are local again.
UPDATE users SET scim_id = NULL, scim_external_id = NULL WHERE scim_id IS NOT NULL OR scim_external_id IS NOT NULL;
UPDATE groups SET scim_id = NULL, scim_external_id = NULL WHERE scim_id IS NOT NULL OR scim_external_id IS NOT NULL;
DELETE FROM settings WHERE name = 'scim';
DROP TABLE IF EXISTS scim_parked_members, scim_parked_roles, scim_groups, scim_users, scim_token, scim_migrations;
DROP FUNCTION IF EXISTS scim_emails(jsonb), scim_admits(integer, boolean);
DROP INDEX IF EXISTS scim_users_username_lower_idx, scim_groups_name_lower_idx, scim_group_user_user_idx, scim_session_user_idx;
COMMIT;
