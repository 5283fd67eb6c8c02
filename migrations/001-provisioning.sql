-- What the host has no column for. Every table hangs on the host's rows, so that a row removed there leaves no rest here.

-- One token at a time; only its SHA-256 is kept.
CREATE TABLE scim_token (
  singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  number     integer NOT NULL,
  hash       bytea NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The proof that a request may pass, as part of the statement that it runs: a token that was replaced, or a switch that was
-- moved, on another replica counts at once. SC001 tells that it may not.
CREATE FUNCTION scim_admits(token_number integer, writes boolean) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN IF EXISTS (SELECT 1 FROM scim_token WHERE number = token_number) AND EXISTS (SELECT 1 FROM settings WHERE name = 'scim' AND content ->> 'enabled' = 'true') AND NOT (writes AND EXISTS (SELECT 1 FROM settings WHERE name = 'maintenance.mode' AND content ->> 'enabled' = 'true')) THEN RETURN TRUE; END IF; RAISE EXCEPTION 'SCIM is closed to this token' USING ERRCODE = 'SC001'; END $$;

-- active: the host row is live and its scim_id equals ours. suspended: the host row is soft-deleted, host_* are what a
-- resumption puts back. gone: deleted, or removed in the host's pages; kept so that no login brings the person back.
CREATE TABLE scim_users (
  user_id       integer PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  scim_id       text NOT NULL UNIQUE,
  state         text NOT NULL CHECK (state IN ('active', 'suspended', 'gone')),
  user_name     text NOT NULL,
  external_id   text,
  document      jsonb NOT NULL DEFAULT '{}',
  host_name     text,
  host_username text,
  host_email    text,
  version       bigint NOT NULL DEFAULT 1,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX scim_users_user_name_key ON scim_users (lower(user_name)) WHERE state <> 'gone';
CREATE UNIQUE INDEX scim_users_external_id_key ON scim_users (external_id) WHERE state <> 'gone';
CREATE INDEX scim_users_suspended_idx ON scim_users (user_id) WHERE state = 'suspended';
-- The addresses of a person, for `emails.value eq`.
CREATE FUNCTION scim_emails(document jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
  (SELECT coalesce(array_agg(lower(x.e ->> 'value')), '{}')
    FROM jsonb_array_elements(CASE jsonb_typeof(document -> 'emails') WHEN 'array' THEN document -> 'emails' ELSE '[]' END) AS x(e));
CREATE INDEX scim_users_emails_idx ON scim_users USING gin (scim_emails(document));

CREATE INDEX scim_users_host_email_idx ON scim_users (host_email);

-- A project that is deleted takes the parked rights in it along, so that one made anew under its id grants none. Root roles
-- stand under 'default', which the host never deletes.
CREATE TABLE scim_parked_roles (
  user_id            integer NOT NULL REFERENCES scim_users (user_id) ON DELETE CASCADE,
  role_id            integer NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  project            varchar(255) NOT NULL,
  own_project        varchar(255) GENERATED ALWAYS AS (nullif(project, 'default')) STORED REFERENCES projects (id) ON DELETE CASCADE,
  created_at         timestamptz,
  created_by_user_id integer,
  PRIMARY KEY (user_id, role_id, project)
);
CREATE INDEX scim_parked_roles_role_idx ON scim_parked_roles (role_id);
CREATE INDEX scim_parked_roles_project_idx ON scim_parked_roles (own_project);

CREATE TABLE scim_parked_members (
  group_id   integer NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  user_id    integer NOT NULL REFERENCES scim_users (user_id) ON DELETE CASCADE,
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (group_id, user_id)
);
CREATE INDEX scim_parked_members_user_idx ON scim_parked_members (user_id);

CREATE TABLE scim_groups (
  group_id   integer PRIMARY KEY REFERENCES groups (id) ON DELETE CASCADE,
  version    bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- On the host's tables indexes only, never a constraint: a later version of the host could fail on one.
CREATE INDEX IF NOT EXISTS scim_users_username_lower_idx ON users (lower(username));
CREATE INDEX IF NOT EXISTS scim_groups_name_lower_idx ON groups (lower(name));
CREATE INDEX IF NOT EXISTS scim_group_user_user_idx ON group_user (user_id);
CREATE INDEX IF NOT EXISTS scim_session_user_idx ON unleash_session ((sess -> 'user' ->> 'id'));
