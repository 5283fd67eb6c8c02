-- On the host's tables indexes only, never a constraint: a later version of the host could fail on one. One by one and outside
-- of a transaction, so that the tables can be written meanwhile.
CREATE INDEX CONCURRENTLY IF NOT EXISTS scim_users_username_lower_idx ON users (lower(username));
CREATE INDEX CONCURRENTLY IF NOT EXISTS scim_groups_name_lower_idx ON groups (lower(name));
CREATE INDEX CONCURRENTLY IF NOT EXISTS scim_group_user_user_idx ON group_user (user_id, group_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS scim_session_user_idx ON unleash_session ((sess -> 'user' ->> 'id'));
CREATE INDEX CONCURRENTLY IF NOT EXISTS scim_events_token_author_idx ON events (created_by_user_id) WHERE type = 'api-token-created';
CREATE INDEX CONCURRENTLY IF NOT EXISTS scim_api_tokens_author_idx ON api_tokens (created_by_user_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS scim_api_tokens_name_idx ON api_tokens (token_name);
CREATE INDEX CONCURRENTLY IF NOT EXISTS scim_api_token_project_secret_idx ON api_token_project (secret);
