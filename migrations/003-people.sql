-- What the host says of managed people becomes what our rows say: people whom Unleash Enterprise left get a row, and what was
-- changed in the host's pages is taken over. A name, an external id or a SCIM id that another managed person has already is not:
-- usernames of the host may differ by case alone, and whatever it has must not keep the others out.
CREATE FUNCTION scim_absorb(only_users integer[]) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  WITH seen AS (
    SELECT u.id, u.scim_id, u.scim_external_id, u.name, u.username, u.email, u.created_at, s.user_id IS NOT NULL AS known,
      s.user_name, s.external_id, s.document, s.host_email, u.name IS NOT DISTINCT FROM s.host_name AS name_kept,
      u.email IS NOT DISTINCT FROM s.host_email AS email_kept,
      -- A username of NULL says that the e-mail is the user name, so the two go together.
      u.username IS NOT DISTINCT FROM s.host_username AND (u.username IS NOT NULL OR u.email IS NOT DISTINCT FROM s.host_email) AS username_kept
    FROM users u LEFT JOIN scim_users s ON s.user_id = u.id AND s.state <> 'gone'
    WHERE u.id = ANY (only_users) AND u.scim_id IS NOT NULL AND u.deleted_at IS NULL AND u.is_service IS NOT TRUE AND NOT u.is_system
      AND s.state IS DISTINCT FROM 'suspended' AND NOT EXISTS (SELECT FROM scim_users o WHERE o.scim_id = u.scim_id AND o.user_id <> u.id)),
  told AS (
    SELECT *, CASE WHEN known AND username_kept THEN user_name ELSE coalesce(nullif(username, ''), nullif(email, ''), 'user-' || id) END AS wanted,
      jsonb_build_array(jsonb_build_object('value', email, 'type', 'work', 'primary', true)) AS host_emails
    FROM seen WHERE NOT (known AND name_kept AND email_kept AND username_kept)),
  queued AS (SELECT *, row_number() OVER (PARTITION BY lower(wanted) ORDER BY known DESC, id) AS place FROM told),
  merged AS (
    SELECT id, scim_id, name, username, email, created_at,
      CASE WHEN known THEN external_id
        WHEN NOT EXISTS (SELECT FROM scim_users o WHERE o.external_id = scim_external_id AND o.state <> 'gone' AND o.user_id <> id)
        THEN scim_external_id END AS external_id,
      CASE WHEN place = 1 AND NOT EXISTS (SELECT FROM scim_users o WHERE lower(o.user_name) = lower(wanted) AND o.state <> 'gone' AND o.user_id <> id)
        THEN wanted
        ELSE coalesce(user_name, 'user-' || id || CASE WHEN lower(wanted) = 'user-' || id
          OR EXISTS (SELECT FROM users o WHERE lower(o.username) = 'user-' || q.id AND o.id <> q.id)
          OR EXISTS (SELECT FROM scim_users o WHERE lower(o.user_name) = 'user-' || q.id AND o.state <> 'gone' AND o.user_id <> q.id)
          THEN '-' || md5(scim_id) ELSE '' END) END AS user_name,
      CASE WHEN NOT known THEN jsonb_strip_nulls(jsonb_build_object('displayName', name, 'emails', CASE WHEN email IS NOT NULL THEN host_emails END))
      ELSE
        CASE WHEN name_kept THEN document ELSE (document - 'displayName') || jsonb_strip_nulls(jsonb_build_object('displayName', name)) END
        || CASE
          WHEN email_kept OR email IS NULL THEN '{}'::jsonb
          WHEN EXISTS (SELECT 1 FROM jsonb_array_elements(coalesce(document -> 'emails', '[]')) x(e) WHERE lower(x.e ->> 'value') = host_email)
          THEN jsonb_build_object('emails', (SELECT jsonb_agg(
            CASE WHEN lower(x.e ->> 'value') = host_email THEN x.e || jsonb_build_object('value', email) ELSE x.e END ORDER BY x.n)
            FROM jsonb_array_elements(document -> 'emails') WITH ORDINALITY x(e, n)))
          ELSE jsonb_build_object('emails', host_emails)
        END
      END AS document
    FROM queued q)
  INSERT INTO scim_users AS s
    (user_id, scim_id, state, user_name, external_id, document, other_emails, host_name, host_username, host_email, created_at)
  SELECT id, scim_id, 'active', user_name, external_id, document,
    ARRAY(SELECT DISTINCT lower(x.e ->> 'value') FROM jsonb_array_elements(coalesce(document -> 'emails', '[]')) x(e)
      WHERE lower(x.e ->> 'value') IS DISTINCT FROM email AND x.e ->> 'value' IS NOT NULL),
    name, username, email, created_at
  FROM merged ORDER BY id
  ON CONFLICT (user_id) DO UPDATE SET scim_id = excluded.scim_id, state = 'active', user_name = excluded.user_name,
    external_id = excluded.external_id, document = excluded.document, other_emails = excluded.other_emails,
    former_emails = CASE WHEN coalesce(s.host_email = excluded.host_email OR s.host_email = ANY (s.former_emails), s.host_email IS NULL) THEN s.former_emails
      ELSE s.former_emails || s.host_email END,
    host_name = excluded.host_name, host_username = excluded.host_username, host_email = excluded.host_email,
    version = s.version + 1, updated_at = now();

  UPDATE scim_users s SET state = 'gone', version = s.version + 1, updated_at = now()
  FROM users u WHERE u.id = s.user_id AND s.user_id = ANY (only_users) AND s.state = 'active'
    AND (u.deleted_at IS NOT NULL OR u.scim_id IS NULL);
END $$;

-- Everybody at once: at the start, and when SCIM is switched on.
CREATE FUNCTION scim_absorb_all() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM scim_absorb(array_agg(u.id)) FROM users u LEFT JOIN scim_users s ON s.user_id = u.id
  WHERE (u.scim_id IS NOT NULL OR s.state = 'active')
    AND (s.state IS DISTINCT FROM 'active' OR u.scim_id IS DISTINCT FROM s.scim_id OR u.deleted_at IS NOT NULL
      OR (u.name, u.username, u.email) IS DISTINCT FROM (s.host_name, s.host_username, s.host_email));
  PERFORM scim_settle_counts();
END $$;

-- Follows the host's own writes. scim.writer = 'on': the write is ours, and needs no call. No column is named in the trigger, for a
-- later version of the host could not change its type any more; and whatever fails here never fails the host's statement.
CREATE FUNCTION scim_follow_user() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.scim_id IS NULL THEN RETURN NULL; END IF;
  ELSIF (OLD.scim_id IS NULL AND NEW.scim_id IS NULL) OR (OLD.name, OLD.username, OLD.email, OLD.scim_id, OLD.deleted_at)
    IS NOT DISTINCT FROM (NEW.name, NEW.username, NEW.email, NEW.scim_id, NEW.deleted_at) THEN
    RETURN NULL;
  END IF;
  PERFORM scim_absorb(ARRAY[NEW.id]);
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'unleash-scim could not follow a change of user %: %', NEW.id, SQLERRM;
  RETURN NULL;
END $$;
CREATE TRIGGER scim_follow_user AFTER INSERT OR UPDATE ON users FOR EACH ROW
  WHEN (current_setting('scim.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION scim_follow_user();

-- The groups of a person, as SCIM shows them: those of a suspended one are parked.
CREATE FUNCTION scim_groups_of(of_user integer, is_active boolean) RETURNS json LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  IF NOT is_active THEN
    RETURN (SELECT coalesce(json_agg(json_build_object('value', g.scim_id, 'display', g.name, 'type', 'direct') ORDER BY pm.group_id), '[]')
      FROM scim_parked_members pm CROSS JOIN LATERAL (SELECT scim_id, name FROM groups WHERE id = pm.group_id AND scim_id IS NOT NULL OFFSET 0) g
      WHERE pm.user_id = of_user);
  END IF;
  RETURN (SELECT coalesce(json_agg(json_build_object('value', g.scim_id, 'display', g.name, 'type', 'direct') ORDER BY gu.group_id), '[]')
    FROM group_user gu CROSS JOIN LATERAL (SELECT scim_id, name FROM groups WHERE id = gu.group_id AND scim_id IS NOT NULL OFFSET 0) g
    WHERE gu.user_id = of_user);
END $$;

-- Those of a suspended person as JSON text with references, as scim_members_of writes members (004-groups); NULL where there are none.
CREATE FUNCTION scim_parked_group_list(of_user integer, tail text) RETURNS text LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN (SELECT '[{"value":"' || string_agg(CASE WHEN g.scim_id ~ '[^A-Za-z0-9_.~-]' THEN scim_odd_member(g.scim_id, g.name, tail)
      ELSE scim_member(g.scim_id, g.name, tail) END, '"},{"value":"' ORDER BY pm.group_id) || '"}]'
    FROM scim_parked_members pm CROSS JOIN LATERAL (SELECT scim_id, name FROM groups WHERE id = pm.group_id AND scim_id IS NOT NULL OFFSET 0) g
    WHERE pm.user_id = of_user);
END $$;

-- The id of a root role by its name or id; NULL where there is none.
CREATE FUNCTION scim_root_role_named(role text) RETURNS integer LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT r.id FROM roles r WHERE r.type IN ('root', 'root-custom') AND (r.name = role OR r.id::text = role) ORDER BY r.type, r.id LIMIT 1);
END $$;

-- The same, and Viewer where the role was removed after the start: a person without a root role is none that the host knows.
CREATE FUNCTION scim_root_role_to_give(role text) RETURNS integer LANGUAGE plpgsql STABLE AS $$
DECLARE
  named integer;
BEGIN
  named := scim_root_role_named(role);
  RETURN CASE WHEN named IS NULL THEN scim_root_role_named('Viewer') ELSE named END;
END $$;

-- The root role that a user has; the host keeps one.
CREATE FUNCTION scim_root_role_of(of_user integer) RETURNS integer LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT ru.role_id FROM role_user ru JOIN roles r ON r.id = ru.role_id
    WHERE ru.user_id = of_user AND r.type IN ('root', 'root-custom') ORDER BY ru.role_id LIMIT 1);
END $$;

-- Planned into the statements that use it, for which it must be no more volatile than what it calls.
CREATE FUNCTION scim_user_payload(id integer, name text, username text, email text, root_role integer) RETURNS jsonb LANGUAGE sql STABLE
AS $$ SELECT jsonb_strip_nulls(jsonb_build_object('id', id, 'name', name, 'username', username, 'email', email, 'rootRole', root_role)) $$;

-- The API tokens that a user made and that still work, as a key for the event that says that they left; an empty object where there
-- are none. The tokens are the instance's and go on to work. Who made one stands in the event log, on later hosts in a column too.
-- No secret and no part of one is in it.
CREATE FUNCTION scim_api_tokens_of(of_user integer) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  told boolean;
  marked boolean;
  tokens jsonb;
  newer jsonb;
BEGIN
  SELECT EXISTS (SELECT 1 FROM events e WHERE e.created_by_user_id = of_user AND e.type = 'api-token-created'),
    EXISTS (SELECT 1 FROM api_tokens t WHERE t.created_by_user_id = of_user) INTO told, marked;
  IF NOT (told OR marked) THEN RETURN '{}'; END IF;
  WITH own AS (
    SELECT t.secret FROM api_tokens t WHERE t.created_by_user_id = of_user
    -- Where the column is empty the log tells the name and the millisecond.
    UNION SELECT t.secret FROM events e
      JOIN api_tokens t ON t.token_name = coalesce(e.data ->> 'tokenName', e.data ->> 'username') AND t.created_by_user_id IS NULL
        AND coalesce(e.data ->> 'createdAt' = to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), true)
      WHERE e.created_by_user_id = of_user AND e.type = 'api-token-created')
  SELECT jsonb_agg(jsonb_build_object('tokenName', coalesce(t.token_name, t.username), 'type', t.type, 'environment', coalesce(t.environment, '*'),
      'projects', coalesce((SELECT jsonb_agg(p.project ORDER BY p.project) FROM api_token_project p WHERE p.secret = t.secret), '["*"]'))
    ORDER BY t.created_at)
  INTO tokens FROM own JOIN api_tokens t ON t.secret = own.secret WHERE t.expires_at IS NULL OR t.expires_at > now();
  -- Unleash 8 has a second kind.
  IF told AND to_regclass('api_tokens_v2') IS NOT NULL THEN
    SELECT jsonb_agg(jsonb_build_object('tokenName', t.token_name, 'type', t.type, 'environment', t.environment,
        'projects', coalesce((SELECT jsonb_agg(p.project ORDER BY p.project) FROM api_tokens_v2_project p WHERE p.selector = t.selector), '["*"]'))
      ORDER BY t.created_at)
    INTO newer FROM api_tokens_v2 t WHERE (t.expires_at IS NULL OR t.expires_at > now()) AND t.selector IN (
      SELECT e.data ->> 'selector' FROM events e WHERE e.created_by_user_id = of_user AND e.type = 'api-token-created');
  END IF;
  tokens := coalesce(tokens || newer, tokens, newer);
  RETURN CASE WHEN tokens IS NULL THEN '{}' ELSE jsonb_build_object('apiTokens', tokens) END;
END $$;

-- An e-mail is one person's, a suspended one included, and no unique index spans both tables. So whoever writes one to `users`, where
-- the index of the host makes it wait for whoever suspends, looks afterwards whether it was a suspended person's.
CREATE FUNCTION scim_keep_email(of_user integer, new_email text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM scim_users WHERE host_email = new_email AND state = 'suspended' AND user_id <> of_user) THEN
    RAISE EXCEPTION 'the e-mail belongs to a suspended person' USING ERRCODE = 'unique_violation', CONSTRAINT = 'scim_users_host_email';
  END IF;
  RETURN TRUE;
END $$;

-- The same for a suspended person, whose row in `users` shall have no e-mail: it has it for a moment.
CREATE FUNCTION scim_claim_email(of_user integer, new_email text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE users SET email = new_email WHERE id = of_user AND deleted_at IS NOT NULL;
  UPDATE users SET email = NULL WHERE id = of_user AND deleted_at IS NOT NULL;
  RETURN scim_keep_email(of_user, new_email);
END $$;

-- One round trip for the common case of each write. An outcome other than the wished one has written nothing: the service then
-- decides in a transaction of its own. Every function proves first that the token may still write. What a function does is called
-- by an assignment (`done := …`), for PERFORM would run a statement around each call.

-- Locks a person for a change, and tells how they are then; all NULL where nobody has the id. The host's row comes first, as in
-- everything that locks both.
CREATE FUNCTION scim_lock_person(of_scim_id text) RETURNS scim_users LANGUAGE plpgsql AS $$
DECLARE
  locked scim_users;
BEGIN
  SELECT p.* INTO locked FROM users u, scim_users p
  WHERE u.id = (SELECT o.user_id FROM scim_users o WHERE o.scim_id = of_scim_id) AND p.scim_id = of_scim_id AND p.user_id = u.id AND p.state <> 'gone'
  FOR UPDATE OF u FOR NO KEY UPDATE OF p;
  RETURN locked;
END $$;

-- Creates a person whose names nobody has. 'contested': somebody may have one; unique indexes (23505) say the rest.
CREATE FUNCTION scim_create_person(
  token integer, new_scim_id text, new_user_name text, new_external_id text, new_document jsonb, new_other_emails text[],
  new_name text, new_username text, new_email text, root_role text, created_by text, created_by_user_id integer, ip text)
RETURNS TABLE (outcome text, "userId" integer, version bigint, created timestamptz, "lastModified" timestamptz)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET scim.writer = 'on' SET scim.counting = 'off' AS $$
#variable_conflict use_column
DECLARE
  done boolean := scim_admits(token, true);
  role integer;
BEGIN
  IF EXISTS (SELECT 1 FROM users WHERE lower(username) = lower(new_user_name))
    OR (lower(new_user_name) IS DISTINCT FROM new_email AND (EXISTS (SELECT 1 FROM users WHERE lower(username) = new_email)
      OR EXISTS (SELECT 1 FROM users WHERE email = lower(new_user_name)))) THEN
    outcome := 'contested'; RETURN NEXT; RETURN;
  END IF;
  role := scim_root_role_to_give(root_role);
  WITH made AS (
    INSERT INTO users (name, username, email, email_hash, scim_id, scim_external_id, created_at)
    VALUES (new_name, new_username, new_email, encode(sha256(convert_to(new_email, 'UTF8')), 'hex'), new_scim_id, new_external_id, now())
    RETURNING id),
  managed AS (
    INSERT INTO scim_users (user_id, scim_id, state, user_name, external_id, document, other_emails, host_name, host_username, host_email)
    SELECT id, new_scim_id, 'active', new_user_name, new_external_id, new_document, new_other_emails, new_name, new_username, new_email FROM made),
  given AS (INSERT INTO role_user (role_id, user_id, project) SELECT role, id, 'default' FROM made),
  told AS (
    INSERT INTO events (type, created_by, created_by_user_id, ip, data)
    SELECT 'user-created', created_by, created_by_user_id, ip, scim_user_payload(id, new_name, new_username, new_email, role) FROM made)
  SELECT id INTO "userId" FROM made;
  -- The trigger that counts has a table of what was inserted, which for one row takes longer than all else that it does.
  done := scim_count_person("userId", 1);
  done := scim_keep_email("userId", new_email);
  outcome := 'created'; version := 1; created := now(); "lastModified" := created; RETURN NEXT;
END $$;

-- Writes what is stated of a person: 'same' where it is true already. 'contested': a name changes and somebody may have it, or
-- the person would be suspended or resumed by it. 'stale': not one of the wanted versions.
CREATE FUNCTION scim_change_person(
  token integer, of_scim_id text, wanted_versions bigint[], is_active boolean, new_user_name text, new_external_id text,
  new_document jsonb, new_other_emails text[], new_name text, new_username text, new_email text,
  created_by text, created_by_user_id integer, ip text)
RETURNS TABLE (outcome text, "userId" integer, active boolean, version bigint, created timestamptz, "lastModified" timestamptz, groups json)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET scim.writer = 'on' AS $$
#variable_conflict use_column
DECLARE
  done boolean := scim_admits(token, true);
  s scim_users;
  said jsonb;
  root_role integer;
  hosts_changed boolean;
BEGIN
  outcome := 'missing';
  -- First without a lock, which what is so already does not need.
  FOR turn IN 1 .. 2 LOOP
    IF turn = 1 THEN SELECT * INTO s FROM scim_users p WHERE p.scim_id = of_scim_id AND p.state <> 'gone'; ELSE s := scim_lock_person(of_scim_id); END IF;
    IF s.user_id IS NULL THEN RETURN NEXT; RETURN; END IF;
    IF s.version <> ALL (wanted_versions) THEN outcome := 'stale'; RETURN NEXT; RETURN; END IF;
    "userId" := s.user_id; active := s.state = 'active'; version := s.version; created := s.created_at; "lastModified" := s.updated_at;
    IF active IS DISTINCT FROM coalesce(is_active, active) THEN outcome := 'contested'; RETURN NEXT; RETURN; END IF;
    IF s.document = new_document AND s.user_name = new_user_name AND s.external_id IS NOT DISTINCT FROM new_external_id THEN
      outcome := 'same'; groups := scim_groups_of(s.user_id, active); RETURN NEXT; RETURN;
    END IF;
  END LOOP;
  IF (s.user_name, s.external_id, s.host_email, s.host_username) IS DISTINCT FROM (new_user_name, new_external_id, new_email, new_username) THEN
    IF NOT active
      OR EXISTS (SELECT 1 FROM users u WHERE lower(u.username) = lower(new_user_name) AND u.id <> s.user_id)
      OR EXISTS (SELECT 1 FROM users u WHERE lower(u.username) = new_email AND u.id <> s.user_id)
      OR EXISTS (SELECT 1 FROM users u WHERE u.email = lower(new_user_name) AND u.id <> s.user_id)
      OR EXISTS (SELECT 1 FROM users u WHERE u.email = new_email AND u.id <> s.user_id)
      OR EXISTS (SELECT 1 FROM users u WHERE u.scim_external_id = new_external_id AND u.id <> s.user_id) THEN
      outcome := 'contested'; RETURN NEXT; RETURN;
    END IF;
  END IF;
  hosts_changed := (s.host_name, s.host_username, s.host_email) IS DISTINCT FROM (new_name, new_username, new_email);
  IF active AND (hosts_changed OR s.external_id IS DISTINCT FROM new_external_id) THEN
    UPDATE users u SET name = new_name, username = new_username, email = new_email, scim_external_id = new_external_id,
      email_hash = CASE WHEN u.email IS NOT DISTINCT FROM new_email THEN u.email_hash ELSE encode(sha256(convert_to(new_email, 'UTF8')), 'hex') END
    WHERE u.id = s.user_id;
    IF s.host_email IS DISTINCT FROM new_email THEN done := scim_keep_email(s.user_id, new_email); END IF;
  END IF;
  UPDATE scim_users p SET user_name = new_user_name, external_id = new_external_id, document = new_document, other_emails = new_other_emails,
    host_name = new_name, host_username = new_username, host_email = new_email, version = p.version + 1, updated_at = now()
  WHERE p.user_id = s.user_id RETURNING p.version, p.updated_at INTO version, "lastModified";
  root_role := scim_root_role_of(s.user_id);
  said := scim_user_payload(s.user_id, new_name, new_username, new_email, root_role);
  IF NOT hosts_changed THEN
    said := said || jsonb_build_object('scimAttributes', scim_differences(
      s.document || jsonb_build_object('userName', s.user_name, 'externalId', s.external_id),
      new_document || jsonb_build_object('userName', new_user_name, 'externalId', new_external_id)));
  END IF;
  INSERT INTO events (type, created_by, created_by_user_id, ip, data, pre_data)
  VALUES ('user-updated', created_by, created_by_user_id, ip, said, scim_user_payload(s.user_id, s.host_name, s.host_username, s.host_email, root_role));
  outcome := 'changed'; groups := scim_groups_of(s.user_id, active); RETURN NEXT;
END $$;

-- The keys whose values differ.
CREATE FUNCTION scim_differences(before jsonb, after jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(jsonb_agg(key ORDER BY key), '[]') FROM jsonb_each(before) b FULL JOIN jsonb_each(after) a USING (key)
  WHERE b.value IS DISTINCT FROM a.value
$$;

-- What the host makes of the row of a user who is removed; a name of 255 characters is cut for its suffix.
CREATE FUNCTION scim_soft_delete(of_user integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE users SET deleted_at = now(), email = NULL, username = NULL, scim_id = NULL, scim_external_id = NULL,
    name = left(coalesce(name, ''), 246) || '(Deleted)' WHERE id = of_user;
  RETURN FOUND;
END $$;

-- Soft-deletes a person as the host does, with roles and memberships parked for the way back, and every way in closed.
-- 'guarded': the person holds the ADMIN permission. 'same': suspended already.
CREATE FUNCTION scim_suspend_person(
  token integer, of_scim_id text, wanted_versions bigint[], created_by text, created_by_user_id integer, ip text)
RETURNS TABLE (outcome text, "userId" integer, "externalId" text, "userName" text, document jsonb, "hostEmail" text,
  version bigint, created timestamptz, "lastModified" timestamptz, groups json)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET scim.writer = 'on' AS $$
#variable_conflict use_column
DECLARE
  done boolean := scim_admits(token, true);
  s scim_users;
  root_role integer;
BEGIN
  outcome := 'missing';
  s := scim_lock_person(of_scim_id);
  IF s.user_id IS NULL THEN RETURN NEXT; RETURN; END IF;
  IF s.version <> ALL (wanted_versions) THEN outcome := 'stale'; RETURN NEXT; RETURN; END IF;
  "userId" := s.user_id; "externalId" := s.external_id; "userName" := s.user_name; document := s.document; "hostEmail" := s.host_email;
  version := s.version; created := s.created_at; "lastModified" := s.updated_at;
  IF s.state = 'suspended' THEN
    outcome := 'same'; groups := scim_groups_of(s.user_id, false); RETURN NEXT; RETURN;
  END IF;
  IF scim_holds_admin(s.user_id) THEN outcome := 'guarded'; RETURN NEXT; RETURN; END IF;
  root_role := scim_root_role_of(s.user_id);
  UPDATE scim_users p SET state = 'suspended', version = p.version + 1, updated_at = now() WHERE p.user_id = s.user_id
  RETURNING p.version, p.updated_at INTO version, "lastModified";
  done := scim_soft_delete(s.user_id);
  WITH taken AS (DELETE FROM role_user ru WHERE ru.user_id = s.user_id RETURNING *)
  INSERT INTO scim_parked_roles (user_id, role_id, project, created_at, created_by_user_id)
  SELECT t.user_id, t.role_id, t.project, t.created_at, t.created_by_user_id FROM taken t
  WHERE t.project = 'default' OR EXISTS (SELECT 1 FROM projects p WHERE p.id = t.project) ON CONFLICT DO NOTHING;
  IF EXISTS (SELECT 1 FROM group_user gu WHERE gu.user_id = s.user_id) THEN
    -- Whoever deletes one of the groups waits here for us, or we for them, before either touches a member.
    PERFORM FROM groups g WHERE g.id = ANY (ARRAY(SELECT gu.group_id FROM group_user gu WHERE gu.user_id = s.user_id)) ORDER BY g.id FOR KEY SHARE;
    WITH taken AS (DELETE FROM group_user gu WHERE gu.user_id = s.user_id RETURNING *)
    INSERT INTO scim_parked_members (group_id, user_id, created_by, created_at)
    SELECT t.group_id, t.user_id, t.created_by, t.created_at FROM taken t ON CONFLICT DO NOTHING;
  END IF;
  done := scim_close_ways_in(s.user_id);
  INSERT INTO events (type, created_by, created_by_user_id, ip, pre_data)
  VALUES ('user-deleted', created_by, created_by_user_id, ip,
    scim_user_payload(s.user_id, s.host_name, s.host_username, s.host_email, root_role) || scim_api_tokens_of(s.user_id));
  outcome := 'changed'; groups := scim_groups_of(s.user_id, false); RETURN NEXT;
END $$;

-- Ends a person for SCIM: an active one is soft-deleted as above, with nothing parked; nothing is parked any more for one who was
-- suspended. Of somebody who is gone we keep the names that a login could come by.
CREATE FUNCTION scim_end_person(
  token integer, of_scim_id text, wanted_versions bigint[], created_by text, created_by_user_id integer, ip text)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET scim.writer = 'on' AS $$
#variable_conflict use_column
DECLARE
  done boolean := scim_admits(token, true);
  left_groups integer[];
  s scim_users;
  root_role integer;
BEGIN
  outcome := 'missing';
  s := scim_lock_person(of_scim_id);
  IF s.user_id IS NULL THEN RETURN NEXT; RETURN; END IF;
  IF s.version <> ALL (wanted_versions) THEN outcome := 'stale'; RETURN NEXT; RETURN; END IF;
  IF s.state = 'active' THEN
    IF scim_holds_admin(s.user_id) THEN outcome := 'guarded'; RETURN NEXT; RETURN; END IF;
    root_role := scim_root_role_of(s.user_id);
    done := scim_soft_delete(s.user_id);
    DELETE FROM role_user WHERE user_id = s.user_id;
    left_groups := ARRAY(SELECT group_id FROM group_user WHERE user_id = s.user_id);
    DELETE FROM group_user WHERE user_id = s.user_id;
  ELSE
    DELETE FROM scim_parked_roles WHERE user_id = s.user_id;
    left_groups := ARRAY(SELECT group_id FROM scim_parked_members WHERE user_id = s.user_id);
    DELETE FROM scim_parked_members WHERE user_id = s.user_id;
  END IF;
  IF left_groups <> '{}' THEN PERFORM scim_touch_groups(left_groups); END IF;
  UPDATE scim_users p SET state = 'gone', version = p.version + 1, updated_at = now(), document = '{}', external_id = NULL WHERE p.user_id = s.user_id;
  done := scim_close_ways_in(s.user_id);
  INSERT INTO events (type, created_by, created_by_user_id, ip, pre_data)
  VALUES ('user-deleted', created_by, created_by_user_id, ip,
    scim_user_payload(s.user_id, s.host_name, s.host_username, s.host_email, root_role) || scim_api_tokens_of(s.user_id));
  outcome := 'changed'; RETURN NEXT;
END $$;

-- Brings a suspended person back: the same host user, with what was parked as far as it still exists, and a root role in any
-- case. 'contested': somebody may have taken a name meanwhile. 'same': active already.
CREATE FUNCTION scim_resume_person(
  token integer, of_scim_id text, wanted_versions bigint[], default_role text, created_by text, created_by_user_id integer, ip text)
RETURNS TABLE (outcome text, "userId" integer, "externalId" text, "userName" text, document jsonb, "hostEmail" text,
  version bigint, created timestamptz, "lastModified" timestamptz, groups json)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET scim.writer = 'on' AS $$
#variable_conflict use_column
DECLARE
  done boolean := scim_admits(token, true);
  s scim_users;
  role integer;
BEGIN
  outcome := 'missing';
  s := scim_lock_person(of_scim_id);
  IF s.user_id IS NULL THEN RETURN NEXT; RETURN; END IF;
  IF s.version <> ALL (wanted_versions) THEN outcome := 'stale'; RETURN NEXT; RETURN; END IF;
  "userId" := s.user_id; "externalId" := s.external_id; "userName" := s.user_name; document := s.document; "hostEmail" := s.host_email;
  version := s.version; created := s.created_at; "lastModified" := s.updated_at;
  IF s.state = 'active' THEN
    outcome := 'same'; groups := scim_groups_of(s.user_id, true); RETURN NEXT; RETURN;
  END IF;
  IF EXISTS (SELECT 1 FROM users u WHERE lower(u.username) = lower(s.user_name))
    OR EXISTS (SELECT 1 FROM users u WHERE lower(u.username) = s.host_email)
    OR EXISTS (SELECT 1 FROM users u WHERE u.email = lower(s.user_name))
    OR EXISTS (SELECT 1 FROM users u WHERE u.email = s.host_email)
    OR EXISTS (SELECT 1 FROM users u WHERE u.scim_external_id = s.external_id)
    OR EXISTS (SELECT 1 FROM scim_users o WHERE o.host_email = s.host_email AND o.state = 'suspended' AND o.user_id <> s.user_id) THEN
    outcome := 'contested'; RETURN NEXT; RETURN;
  END IF;
  UPDATE scim_users p SET state = 'active', version = p.version + 1, updated_at = now() WHERE p.user_id = s.user_id
  RETURNING p.version, p.updated_at INTO version, "lastModified";
  UPDATE users u SET deleted_at = NULL, name = s.host_name, username = s.host_username, email = s.host_email, scim_id = s.scim_id,
    scim_external_id = s.external_id, email_hash = encode(sha256(convert_to(s.host_email, 'UTF8')), 'hex') WHERE u.id = s.user_id;
  WITH taken AS (DELETE FROM scim_parked_roles pr WHERE pr.user_id = s.user_id RETURNING *)
  INSERT INTO role_user (role_id, user_id, project, created_at, created_by_user_id)
  SELECT t.role_id, t.user_id, t.project, t.created_at, t.created_by_user_id FROM taken t
  WHERE t.project = 'default' OR EXISTS (SELECT 1 FROM projects p WHERE p.id = t.project) ON CONFLICT DO NOTHING;
  role := scim_root_role_of(s.user_id);
  IF role IS NULL THEN
    role := scim_root_role_to_give(default_role);
    INSERT INTO role_user (role_id, user_id, project) VALUES (role, s.user_id, 'default');
  END IF;
  IF EXISTS (SELECT 1 FROM scim_parked_members pm WHERE pm.user_id = s.user_id) THEN
    PERFORM FROM groups g WHERE g.id = ANY (ARRAY(SELECT pm.group_id FROM scim_parked_members pm WHERE pm.user_id = s.user_id)) ORDER BY g.id FOR KEY SHARE;
    WITH parked AS (DELETE FROM scim_parked_members pm WHERE pm.user_id = s.user_id RETURNING *)
    INSERT INTO group_user (group_id, user_id, created_by, created_at)
    SELECT p.group_id, p.user_id, p.created_by, p.created_at FROM parked p ON CONFLICT DO NOTHING;
  END IF;
  done := scim_close_ways_in(s.user_id);
  INSERT INTO events (type, created_by, created_by_user_id, ip, data)
  VALUES ('user-created', created_by, created_by_user_id, ip, scim_user_payload(s.user_id, s.host_name, s.host_username, s.host_email, role));
  outcome := 'changed'; groups := scim_groups_of(s.user_id, true); RETURN NEXT;
END $$;

-- Takes away everything that lets somebody in: browser sessions, personal access tokens, reset links and the link to an invite.
-- FALSE: there was nothing. Most people have none of them at that moment, and to look costs a quarter of four deletions.
CREATE FUNCTION scim_close_ways_in(of_user integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM unleash_session WHERE sess -> 'user' ->> 'id' = of_user::text)
    OR EXISTS (SELECT FROM personal_access_tokens WHERE user_id = of_user)
    OR EXISTS (SELECT FROM reset_tokens WHERE user_id = of_user)
    OR EXISTS (SELECT FROM public_signup_tokens_user WHERE user_id = of_user) THEN
    DELETE FROM personal_access_tokens WHERE user_id = of_user;
    DELETE FROM reset_tokens WHERE user_id = of_user;
    DELETE FROM public_signup_tokens_user WHERE user_id = of_user;
    DELETE FROM unleash_session WHERE sess -> 'user' ->> 'id' = of_user::text;
    RETURN TRUE;
  END IF;
  RETURN FALSE;
END $$;

-- Whether a user holds the ADMIN permission: directly, by a custom role, or through a group.
CREATE FUNCTION scim_holds_admin(of_user integer) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM (
      SELECT role_id FROM role_user WHERE user_id = of_user
      UNION ALL SELECT g.root_role_id FROM group_user gu
        CROSS JOIN LATERAL (SELECT root_role_id FROM groups WHERE id = gu.group_id AND root_role_id IS NOT NULL OFFSET 0) g WHERE gu.user_id = of_user
      UNION ALL SELECT gr.role_id FROM group_user gu
        CROSS JOIN LATERAL (SELECT role_id FROM group_role WHERE group_id = gu.group_id OFFSET 0) gr WHERE gu.user_id = of_user OFFSET 0) held
    CROSS JOIN LATERAL (SELECT 1 FROM role_permission WHERE role_id = held.role_id AND permission = 'ADMIN' OFFSET 0) admin);
END $$;
