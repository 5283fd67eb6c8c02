/** The floor's tables, like those of the host, in a schema of their own beside them. */
export const FLOOR_SCHEMA = `
CREATE SCHEMA floor;
CREATE TABLE floor.users (
  id serial PRIMARY KEY, scim_id text NOT NULL UNIQUE, external_id text UNIQUE, username text NOT NULL, email text UNIQUE, name text,
  created_at timestamptz NOT NULL DEFAULT now(), deleted_at timestamptz);
CREATE UNIQUE INDEX ON floor.users (lower(username));
CREATE TABLE floor.groups (
  id serial PRIMARY KEY, scim_id text NOT NULL UNIQUE, external_id text UNIQUE, name text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE floor.group_user (
  group_id integer NOT NULL REFERENCES floor.groups (id) ON DELETE CASCADE,
  user_id integer NOT NULL REFERENCES floor.users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (group_id, user_id));
CREATE INDEX ON floor.group_user (user_id);
CREATE TABLE floor.events (
  id serial PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), type text NOT NULL, created_by text NOT NULL, data jsonb);`;
