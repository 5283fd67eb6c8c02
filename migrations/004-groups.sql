-- A managed group has a row of ours, and its version moves with its name, its external id and its members, whoever changes them.
INSERT INTO scim_groups (group_id, created_at, updated_at)
SELECT id, created_at, created_at FROM groups WHERE scim_id IS NOT NULL ON CONFLICT DO NOTHING;

-- In the order of their ids, so that two who touch the same groups do not wait for each other. A row that is missing shows as
-- version 1, so the next one is 2.
CREATE FUNCTION scim_touch_groups(touched integer[]) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  PERFORM FROM scim_groups WHERE group_id = ANY (touched) ORDER BY group_id FOR NO KEY UPDATE;
  UPDATE scim_groups SET version = version + 1, updated_at = now() WHERE group_id = ANY (touched);
  INSERT INTO scim_groups AS sg (group_id, version, created_at)
  SELECT g.id, 2, g.created_at FROM groups g WHERE g.id = ANY (touched) AND g.scim_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM scim_groups o WHERE o.group_id = g.id)
  ON CONFLICT (group_id) DO UPDATE SET version = sg.version + 1, updated_at = now();
END $$;

-- The same for one group, which is locked.
CREATE FUNCTION scim_touch_group(of_group integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE scim_groups SET version = version + 1, updated_at = now() WHERE group_id = of_group;
  IF NOT FOUND THEN PERFORM scim_touch_groups(ARRAY[of_group]); END IF;
  RETURN TRUE;
END $$;

-- These follow the host's own writes, under the rules of `scim_follow_user` (003-people).
CREATE FUNCTION scim_follow_group() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.scim_id IS NULL THEN RETURN NULL; END IF;
  IF TG_OP = 'INSERT' THEN
    INSERT INTO scim_groups (group_id, created_at, updated_at) VALUES (NEW.id, NEW.created_at, NEW.created_at) ON CONFLICT DO NOTHING;
  ELSIF (OLD.name, OLD.scim_id, OLD.scim_external_id) IS DISTINCT FROM (NEW.name, NEW.scim_id, NEW.scim_external_id) THEN
    PERFORM scim_touch_groups(ARRAY[NEW.id]);
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'unleash-scim could not follow a change of a group: %', SQLERRM;
  RETURN NULL;
END $$;
CREATE TRIGGER scim_follow_group AFTER INSERT OR UPDATE ON groups FOR EACH ROW
  WHEN (current_setting('scim.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION scim_follow_group();

CREATE FUNCTION scim_follow_members() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    PERFORM scim_touch_groups(ARRAY(SELECT group_id FROM moved UNION SELECT group_id FROM moved_to));
  ELSE
    PERFORM scim_touch_groups(ARRAY(SELECT DISTINCT group_id FROM moved));
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'unleash-scim could not follow a change of the members of groups: %', SQLERRM;
  RETURN NULL;
END $$;
CREATE TRIGGER scim_follow_members_inserted AFTER INSERT ON group_user REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT WHEN (current_setting('scim.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION scim_follow_members();
CREATE TRIGGER scim_follow_members_updated AFTER UPDATE ON group_user REFERENCING OLD TABLE AS moved NEW TABLE AS moved_to
  FOR EACH STATEMENT WHEN (current_setting('scim.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION scim_follow_members();
CREATE TRIGGER scim_follow_members_deleted AFTER DELETE ON group_user REFERENCING OLD TABLE AS moved
  FOR EACH STATEMENT WHEN (current_setting('scim.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION scim_follow_members();
-- A host user who is deleted for good takes the parked memberships along.
CREATE TRIGGER scim_follow_members_deleted AFTER DELETE ON scim_parked_members REFERENCING OLD TABLE AS moved
  FOR EACH STATEMENT WHEN (current_setting('scim.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION scim_follow_members();

-- The rare ids that JSON or an address cannot hold as they are: those that Unleash Enterprise gave, if at all.
CREATE INDEX scim_users_odd_id_idx ON scim_users (user_id) WHERE scim_id ~ '[^A-Za-z0-9_.~-]';

-- As JavaScript's encodeURIComponent.
CREATE FUNCTION scim_uri_component(part text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(string_agg(CASE WHEN c ~ '[A-Za-z0-9_.!~*''()-]' THEN c
    ELSE regexp_replace(upper(encode(convert_to(c, 'UTF8'), 'hex')), '(..)', '%\1', 'g') END, '' ORDER BY n), '')
  FROM regexp_split_to_table(part, '') WITH ORDINALITY x(c, n)
$$;

-- One member, from within the quotes of its value to within those of its $ref; `tail` is what stands between display and id.
-- Planned into the statements that use it, for which it must be no more volatile than what it calls.
CREATE FUNCTION scim_member(id text, display text, tail text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT id || '","display":' || coalesce(to_json(display)::text, 'null') || tail || id
$$;
CREATE FUNCTION scim_odd_member(id text, display text, tail text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT left(substr(to_json(id)::text, 2), -1) || '","display":' || coalesce(to_json(display)::text, 'null') || tail || scim_uri_component(id)
$$;

-- The people of a group, suspended ones where they are parked, in the order of their host ids: what stands between [{"value":" and
-- "}] in their JSON, an empty text where there are none. A list may have many megabytes, and is handed on as it is: each brace that
-- is put around it, and each variable, is a copy. Nothing tells the planner how large a group is, so that is decided here: a few are
-- looked up one by one, many are read along with everybody between the first and the last of them. OFFSET 0 keeps the planner from
-- choosing otherwise.
CREATE FUNCTION scim_members_of(of_group integer, tail text) RETURNS text LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  few boolean;
  plain boolean;
  first integer;
  last integer;
BEGIN
  SELECT count(*) * 16 < max(user_id) - min(user_id), min(user_id), max(user_id),
    NOT EXISTS (SELECT FROM scim_parked_members WHERE group_id = of_group)
      AND NOT EXISTS (SELECT FROM scim_users WHERE scim_id ~ '[^A-Za-z0-9_.~-]')
  INTO few, first, last, plain FROM group_user WHERE group_id = of_group;
  IF NOT plain THEN
    RETURN scim_mixed_members_of(of_group, tail, few, first, last);
  ELSIF few THEN
    RETURN (SELECT coalesce(string_agg(scim_member(m.scim_id, m.display, tail), '"},{"value":"'), '')
      FROM (
        SELECT p.scim_id, p.display FROM group_user gu CROSS JOIN LATERAL (
          SELECT s.scim_id, coalesce(s.host_name, s.host_username, s.host_email) AS display
          FROM scim_users s WHERE s.user_id = gu.user_id AND s.state = 'active' OFFSET 0) p
        WHERE gu.group_id = of_group ORDER BY gu.user_id) m);
  ELSIF NOT few THEN
    RETURN scim_many_members_of(of_group, tail, first, last);
  END IF;
  RETURN '';
END $$;

-- The same for many groups in turn, as far as they fit into one answer: it ends before the group with which there would be more than
-- so many bytes, unless that is the first.
CREATE FUNCTION scim_members_within(of_groups integer[], tail text, most bigint) RETURNS TABLE (id integer, members text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
  sum bigint := 0;
BEGIN
  FOREACH id IN ARRAY of_groups LOOP
    members := scim_members_of(id, tail);
    sum := sum + octet_length(members);
    IF sum > most AND sum > octet_length(members) THEN RETURN; END IF;
    RETURN NEXT;
  END LOOP;
END $$;

CREATE FUNCTION scim_many_members_of(of_group integer, tail text, first integer, last integer) RETURNS text LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_nestloop = off SET enable_hashjoin = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN (SELECT coalesce(string_agg(scim_member(m.scim_id, m.display, tail), '"},{"value":"'), '')
    FROM (
      SELECT p.scim_id, p.display FROM group_user gu JOIN (
        SELECT s.user_id, s.scim_id, coalesce(s.host_name, s.host_username, s.host_email) AS display
        FROM scim_users s WHERE s.user_id BETWEEN first AND last AND s.state = 'active' ORDER BY s.user_id OFFSET 0) p ON p.user_id = gu.user_id
      WHERE gu.group_id = of_group ORDER BY gu.user_id) m);
END $$;

-- The same with suspended people and ids of any kind among them.
CREATE FUNCTION scim_mixed_members_of(of_group integer, tail text, few boolean, first integer, last integer) RETURNS text LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_nestloop = off SET enable_hashjoin = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN (SELECT coalesce(string_agg(CASE WHEN m.scim_id ~ '[^A-Za-z0-9_.~-]' THEN scim_odd_member(m.scim_id, m.display, tail)
      ELSE scim_member(m.scim_id, m.display, tail) END, '"},{"value":"'), '')
    FROM (
      SELECT gu.user_id, p.scim_id, p.display FROM group_user gu CROSS JOIN LATERAL (
        SELECT s.scim_id, coalesce(s.host_name, s.host_username, s.host_email) AS display
        FROM scim_users s WHERE s.user_id = gu.user_id AND s.state = 'active' OFFSET 0) p
      WHERE few AND gu.group_id = of_group
      UNION ALL
      SELECT gu.user_id, p.scim_id, p.display FROM group_user gu JOIN (
        SELECT s.user_id, s.scim_id, coalesce(s.host_name, s.host_username, s.host_email) AS display
        FROM scim_users s WHERE s.user_id BETWEEN first AND last AND s.state = 'active' ORDER BY s.user_id OFFSET 0) p ON p.user_id = gu.user_id
      WHERE NOT few AND gu.group_id = of_group
      UNION ALL
      SELECT pm.user_id, p.scim_id, p.display FROM scim_parked_members pm CROSS JOIN LATERAL (
        SELECT s.scim_id, coalesce(s.host_name, s.user_name) AS display
        FROM scim_users s WHERE s.user_id = pm.user_id AND s.state = 'suspended' OFFSET 0) p
      WHERE pm.group_id = of_group
      ORDER BY user_id) m);
END $$;

-- What would have to change for a group to have these members and nobody else: ids of SCIM to enter, of the host to leave.
-- protected_names: usernames and e-mails, lower-case, of local users who are never taken out.
CREATE FUNCTION scim_member_changes(of_group integer, member_ids text[], protected_names text[])
RETURNS TABLE (entering text[], leaving integer[], leaving_parked integer[]) LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_nestloop = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  few boolean;
  first integer;
  last integer;
BEGIN
  SELECT count(*) * 16 < max(user_id) - min(user_id), min(user_id), max(user_id) INTO few, first, last FROM group_user WHERE group_id = of_group;
  SELECT coalesce(array_agg(w.id) FILTER (WHERE m.user_id IS NULL), '{}'),
    coalesce(array_agg(m.user_id) FILTER (WHERE w.id IS NULL AND NOT m.is_parked), '{}'),
    coalesce(array_agg(m.user_id) FILTER (WHERE w.id IS NULL AND m.is_parked), '{}')
  INTO entering, leaving, leaving_parked
  FROM (
    SELECT gu.user_id, p.scim_id, FALSE AS is_parked FROM group_user gu LEFT JOIN LATERAL (
      SELECT s.scim_id FROM scim_users s WHERE s.user_id = gu.user_id AND s.state = 'active' OFFSET 0) p ON TRUE
    WHERE few AND gu.group_id = of_group
    UNION ALL
    SELECT gu.user_id, p.scim_id, FALSE FROM group_user gu LEFT JOIN (
      SELECT s.user_id, s.scim_id FROM scim_users s WHERE s.user_id BETWEEN first AND last AND s.state = 'active' ORDER BY s.user_id OFFSET 0) p
      ON p.user_id = gu.user_id
    WHERE NOT few AND gu.group_id = of_group
    UNION ALL
    SELECT pm.user_id, p.scim_id, TRUE FROM scim_parked_members pm LEFT JOIN LATERAL (
      SELECT s.scim_id FROM scim_users s WHERE s.user_id = pm.user_id AND s.state = 'suspended' OFFSET 0) p ON TRUE
    WHERE pm.group_id = of_group) m
  FULL JOIN unnest(member_ids) w(id) ON w.id = m.scim_id;
  IF leaving <> '{}' THEN
    leaving := ARRAY(SELECT u.id FROM users u WHERE u.id = ANY (leaving)
      AND NOT (u.scim_id IS NULL AND (lower(u.username) = ANY (protected_names) OR u.email = ANY (protected_names))) IS TRUE ORDER BY u.id);
  END IF;
  RETURN NEXT;
END $$;

-- A group gives ADMIN by its root role or by any other role it has, in whichever project.
CREATE FUNCTION scim_group_gives_admin(of_group integer) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM groups g JOIN role_permission p ON p.role_id = g.root_role_id AND p.permission = 'ADMIN' WHERE g.id = of_group)
    OR EXISTS (SELECT FROM group_role gr JOIN role_permission p ON p.role_id = gr.role_id AND p.permission = 'ADMIN' WHERE gr.group_id = of_group);
END $$;

-- Who is live and who is suspended of these ids, as host ids; NULL where one of them is nobody's.
CREATE FUNCTION scim_people(ids text[], OUT live integer[], OUT suspended integer[]) LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT coalesce(array_agg(s.user_id) FILTER (WHERE s.state = 'active'), '{}'),
    coalesce(array_agg(s.user_id) FILTER (WHERE s.state = 'suspended'), '{}')
  INTO live, suspended FROM scim_users s WHERE s.scim_id = ANY (ids);
  IF cardinality(live) + cardinality(suspended) < cardinality(ids) THEN live := NULL; suspended := NULL; END IF;
END $$;

-- Locks a group for a change: 'same' where it is still of the version that was seen, else 'changed', or 'missing'. The lock lets
-- foreign keys point at the group, so that whoever parks a member meanwhile does not deadlock with it.
CREATE FUNCTION scim_lock_group(of_group integer, seen_version bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM groups WHERE id = of_group FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN 'missing'; END IF;
  RETURN CASE WHEN coalesce((SELECT version FROM scim_groups WHERE group_id = of_group), 1) = seen_version THEN 'same' ELSE 'changed' END;
END $$;

-- Lets people enter and leave a locked group, by their host ids; suspended ones among the parked rows, which the host's log does not
-- hear of. Who was seen to be live, suspended or a member must be so still: if not, the whole call is run again, as after any lost
-- race (40001). Members are looked up one by one: a join could read them all, for nothing tells the planner how large a group is.
CREATE FUNCTION scim_move_members(
  of_group integer, entering integer[], leaving integer[], entering_parked integer[], leaving_parked integer[],
  by_whom text, by_user integer, from_ip text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  touched boolean;
  done integer;
  entered integer := 0;
  parked integer := 0;
BEGIN
  IF leaving <> '{}' AND scim_group_gives_admin(of_group) THEN RETURN 'guarded'; END IF;
  IF entering <> '{}' THEN
    BEGIN
      -- Nobody who is locked here can be suspended before this has ended.
      WITH live AS (
        SELECT id FROM users WHERE id = ANY (entering) AND deleted_at IS NULL AND scim_id IS NOT NULL ORDER BY id FOR KEY SHARE),
      added AS (
        INSERT INTO group_user (group_id, user_id, created_by)
        SELECT of_group, id, by_whom FROM live
        WHERE NOT EXISTS (SELECT FROM group_user gu WHERE gu.group_id = of_group AND gu.user_id = live.id OFFSET 0)
        RETURNING user_id),
      told AS (INSERT INTO events (type, created_by, created_by_user_id, ip, data)
        SELECT 'group-user-added', by_whom, by_user, from_ip, ('{"groupId": ' || of_group || ', "userId": ' || user_id || '}')::json FROM added)
      SELECT (SELECT count(*) FROM live), (SELECT count(*) FROM added) INTO done, entered;
    -- ON CONFLICT, which would do as well, costs a sixth of the whole.
    EXCEPTION WHEN unique_violation THEN
      RAISE EXCEPTION 'the host has made somebody a member meanwhile' USING ERRCODE = '40001';
    END;
    IF done < cardinality(entering) THEN RAISE EXCEPTION 'somebody was suspended meanwhile' USING ERRCODE = '40001'; END IF;
  END IF;
  IF entering_parked <> '{}' THEN
    PERFORM FROM users WHERE id = ANY (entering_parked) ORDER BY id FOR KEY SHARE;
    SELECT count(*) INTO done FROM scim_users WHERE user_id = ANY (entering_parked) AND state = 'suspended';
    IF done < cardinality(entering_parked) THEN RAISE EXCEPTION 'somebody was resumed meanwhile' USING ERRCODE = '40001'; END IF;
    INSERT INTO scim_parked_members (group_id, user_id, created_by)
    SELECT of_group, id, by_whom FROM unnest(entering_parked) x(id) ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS parked = ROW_COUNT;
  END IF;
  IF leaving <> '{}' THEN
    WITH gone AS (DELETE FROM group_user WHERE group_id = of_group AND user_id = ANY (leaving) RETURNING user_id),
    told AS (INSERT INTO events (type, created_by, created_by_user_id, ip, pre_data)
      SELECT 'group-user-removed', by_whom, by_user, from_ip, jsonb_build_object('groupId', of_group, 'userId', user_id) FROM gone)
    SELECT count(*) INTO done FROM gone;
    IF done < cardinality(leaving) THEN RAISE EXCEPTION 'a member has left meanwhile' USING ERRCODE = '40001'; END IF;
  END IF;
  IF leaving_parked <> '{}' THEN
    DELETE FROM scim_parked_members WHERE group_id = of_group AND user_id = ANY (leaving_parked);
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done < cardinality(leaving_parked) THEN RAISE EXCEPTION 'a parked member has left meanwhile' USING ERRCODE = '40001'; END IF;
  END IF;
  IF entered + parked + cardinality(leaving) + cardinality(leaving_parked) = 0 THEN RETURN 'same'; END IF;
  touched := scim_touch_group(of_group);
  RETURN 'changed';
END $$;

-- One round trip for the common case of each write, as in 003-people: what is neither 'changed' nor 'same' has written nothing.

-- A group and a live person, and whether the one has the other as a member; all NULL where one of the two is not there.
CREATE FUNCTION scim_membership(of_scim_id text, person_id text, OUT of_group integer, OUT person integer, OUT member integer)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT g.id, s.user_id, (SELECT gu.user_id FROM group_user gu WHERE gu.group_id = g.id AND gu.user_id = s.user_id)
  INTO of_group, person, member FROM groups g, scim_users s WHERE g.scim_id = of_scim_id AND s.scim_id = person_id AND s.state = 'active';
END $$;

-- Lets one live person enter a group: 'changed' or 'same', and NULL, with nothing done, where it is not that simple. The locks wait
-- for another change of the group and for a suspension of the person, and what they wait for is seen.
CREATE FUNCTION scim_enter(of_scim_id text, person_id text, by_whom text, by_user integer, from_ip text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  touched boolean;
  of_group integer;
  person integer;
  member integer;
BEGIN
  SELECT * INTO of_group, person, member FROM scim_membership(of_scim_id, person_id);
  IF person IS NULL THEN RETURN NULL; END IF;
  IF member IS NOT NULL THEN RETURN 'same'; END IF;
  PERFORM FROM groups WHERE id = of_group FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  PERFORM FROM users WHERE id = person AND deleted_at IS NULL AND scim_id IS NOT NULL FOR KEY SHARE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO group_user (group_id, user_id, created_by) VALUES (of_group, person, by_whom) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO events (type, created_by, created_by_user_id, ip, data)
  VALUES ('group-user-added', by_whom, by_user, from_ip, ('{"groupId": ' || of_group || ', "userId": ' || person || '}')::json);
  touched := scim_touch_group(of_group);
  RETURN 'changed';
END $$;

-- The same for one who leaves a group that does not give the ADMIN permission.
CREATE FUNCTION scim_leave(of_scim_id text, person_id text, by_whom text, by_user integer, from_ip text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  touched boolean;
  of_group integer;
  person integer;
  member integer;
BEGIN
  SELECT * INTO of_group, person, member FROM scim_membership(of_scim_id, person_id);
  IF person IS NULL THEN RETURN NULL; END IF;
  IF member IS NULL THEN RETURN 'same'; END IF;
  PERFORM FROM groups WHERE id = of_group FOR NO KEY UPDATE;
  IF scim_group_gives_admin(of_group) THEN RETURN NULL; END IF;
  DELETE FROM group_user WHERE group_id = of_group AND user_id = person;
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO events (type, created_by, created_by_user_id, ip, pre_data)
  VALUES ('group-user-removed', by_whom, by_user, from_ip, jsonb_build_object('groupId', of_group, 'userId', person));
  touched := scim_touch_group(of_group);
  RETURN 'changed';
END $$;

-- Adds and removes members. 'unknown': nobody has one of the ids to add. 'guarded': the group gives the ADMIN permission.
CREATE FUNCTION scim_change_members(
  token integer, of_scim_id text, wanted_versions bigint[], add_ids text[], remove_ids text[], by_whom text, by_user integer, from_ip text)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET scim.writer = 'on' AS $$
DECLARE
  done boolean := scim_admits(token, true);
  of_group integer;
  seen_version bigint;
  entering integer[] := '{}';
  leaving integer[] := '{}';
  entering_parked integer[] := '{}';
  leaving_parked integer[] := '{}';
  present integer[];
BEGIN
  -- One person is what most requests are about.
  IF wanted_versions IS NULL AND cardinality(add_ids) = 1 AND remove_ids = '{}' THEN
    outcome := scim_enter(of_scim_id, add_ids[1], by_whom, by_user, from_ip);
  ELSIF wanted_versions IS NULL AND add_ids = '{}' AND cardinality(remove_ids) = 1 THEN
    outcome := scim_leave(of_scim_id, remove_ids[1], by_whom, by_user, from_ip);
  END IF;
  IF outcome IS NOT NULL THEN RETURN NEXT; RETURN; END IF;
  FOR turn IN 1 .. 2 LOOP
    SELECT g.id, coalesce(sg.version, 1) INTO of_group, seen_version
    FROM groups g LEFT JOIN scim_groups sg ON sg.group_id = g.id WHERE g.scim_id = of_scim_id;
    outcome := 'missing';
    IF NOT FOUND THEN RETURN NEXT; RETURN; END IF;
    outcome := 'stale';
    IF seen_version <> ALL (wanted_versions) THEN RETURN NEXT; RETURN; END IF;
    IF add_ids <> '{}' THEN
      SELECT * INTO entering, entering_parked FROM scim_people(add_ids);
      outcome := 'unknown';
      IF entering IS NULL THEN RETURN NEXT; RETURN; END IF;
      present := ARRAY(SELECT user_id FROM group_user WHERE group_id = of_group AND user_id = ANY (entering));
      IF present <> '{}' THEN entering := ARRAY(SELECT unnest(entering) EXCEPT SELECT unnest(present)); END IF;
      IF entering_parked <> '{}' THEN
        entering_parked := ARRAY(SELECT unnest(entering_parked)
          EXCEPT SELECT user_id FROM scim_parked_members WHERE group_id = of_group AND user_id = ANY (entering_parked));
      END IF;
    END IF;
    IF remove_ids <> '{}' THEN
      SELECT coalesce(array_agg(p.member) FILTER (WHERE p.member IS NOT NULL), '{}'),
        coalesce(array_agg(p.parked) FILTER (WHERE p.parked IS NOT NULL), '{}')
      INTO leaving, leaving_parked FROM (
        SELECT (SELECT gu.user_id FROM group_user gu WHERE gu.group_id = of_group AND gu.user_id = s.user_id) AS member,
          (SELECT pm.user_id FROM scim_parked_members pm WHERE pm.group_id = of_group AND pm.user_id = s.user_id) AS parked
        FROM scim_users s WHERE s.scim_id = ANY (remove_ids) AND s.state <> 'gone') p;
    END IF;
    outcome := 'same';
    IF cardinality(entering) + cardinality(leaving) + cardinality(entering_parked) + cardinality(leaving_parked) = 0 THEN
      -- What made it so may have come after the version was looked at, which is over then.
      IF wanted_versions IS NOT NULL AND scim_lock_group(of_group, seen_version) <> 'same' THEN outcome := 'stale'; END IF;
      RETURN NEXT; RETURN;
    END IF;
    -- Looked at once more under the lock, where somebody has changed the group before it was ours.
    EXIT WHEN turn = 2 OR scim_lock_group(of_group, seen_version) = 'same';
  END LOOP;
  outcome := scim_move_members(of_group, entering, leaving, entering_parked, leaving_parked, by_whom, by_user, from_ip);
  RETURN NEXT;
END $$;

-- Makes these people, and nobody else, the members of a group; NULL: they stay. 'contested': the name or the external id that is
-- stated (name NULL: none is) is another. tail: see scim_member; NULL where nobody wants to see the members.
CREATE FUNCTION scim_replace_group(
  token integer, of_scim_id text, wanted_versions bigint[], new_name text, new_external_id text, member_ids text[], protected_names text[],
  tail text, by_whom text, by_user integer, from_ip text)
RETURNS TABLE (outcome text, "groupId" integer, version bigint, created timestamptz, "lastModified" timestamptz, members text)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET scim.writer = 'on' AS $$
#variable_conflict use_column
DECLARE
  done boolean := scim_admits(token, true);
  seen record;
  entering_ids text[];
  entering integer[] := '{}';
  leaving integer[];
  entering_parked integer[] := '{}';
  leaving_parked integer[];
BEGIN
  FOR turn IN 1 .. 2 LOOP
    SELECT g.id, g.name, g.scim_external_id, coalesce(sg.version, 1) AS version INTO seen
    FROM groups g LEFT JOIN scim_groups sg ON sg.group_id = g.id WHERE g.scim_id = of_scim_id;
    outcome := 'missing';
    IF NOT FOUND THEN RETURN NEXT; RETURN; END IF;
    outcome := 'stale';
    IF seen.version <> ALL (wanted_versions) THEN RETURN NEXT; RETURN; END IF;
    outcome := 'contested';
    IF new_name IS NOT NULL AND (seen.name, seen.scim_external_id) IS DISTINCT FROM (new_name, new_external_id) THEN RETURN NEXT; RETURN; END IF;
    outcome := 'same';
    EXIT WHEN member_ids IS NULL;
    SELECT * INTO entering_ids, leaving, leaving_parked FROM scim_member_changes(seen.id, member_ids, protected_names);
    entering := '{}';
    entering_parked := '{}';
    IF entering_ids <> '{}' THEN
      SELECT * INTO entering, entering_parked FROM scim_people(entering_ids);
      IF entering IS NULL THEN outcome := 'unknown'; RETURN NEXT; RETURN; END IF;
    END IF;
    EXIT WHEN cardinality(entering) + cardinality(leaving) + cardinality(entering_parked) + cardinality(leaving_parked) = 0;
    -- Looked at once more under the lock, where somebody has changed the group before it was ours.
    CONTINUE WHEN turn = 1 AND scim_lock_group(seen.id, seen.version) <> 'same';
    outcome := scim_move_members(seen.id, entering, leaving, entering_parked, leaving_parked, by_whom, by_user, from_ip);
    IF outcome NOT IN ('changed', 'same') THEN RETURN NEXT; RETURN; END IF;
    EXIT;
  END LOOP;
  -- The version first: what comes in between is then newer than the version says, and not hidden by it.
  SELECT g.id, coalesce(sg.version, 1), coalesce(sg.created_at, g.created_at), coalesce(sg.updated_at, g.created_at)
  INTO "groupId", version, created, "lastModified" FROM groups g LEFT JOIN scim_groups sg ON sg.group_id = g.id WHERE g.id = seen.id;
  -- Nothing locks a group that stays as it is, so somebody may have deleted it since.
  IF NOT FOUND THEN outcome := 'missing'; RETURN NEXT; RETURN; END IF;
  -- What made it so may have come after the version was looked at, which is over then.
  IF outcome = 'same' AND version <> ALL (wanted_versions) THEN outcome := 'stale'; RETURN NEXT; RETURN; END IF;
  IF tail IS NOT NULL THEN members := scim_members_of(seen.id, tail); END IF;
  RETURN NEXT;
END $$;

-- Creates a group whose name and external id nobody has. 'contested': somebody may have one. 'unknown': nobody has one of the ids.
CREATE FUNCTION scim_create_group(
  token integer, new_scim_id text, new_name text, new_external_id text, member_ids text[], tail text, by_whom text, by_user integer, from_ip text)
RETURNS TABLE (outcome text, "groupId" integer, version bigint, created timestamptz, "lastModified" timestamptz, members text)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET scim.writer = 'on' AS $$
#variable_conflict use_column
DECLARE
  done boolean := scim_admits(token, true);
  entering integer[];
  entering_parked integer[];
BEGIN
  -- The host has no unique index on names to lean on; see GroupStore.lockName.
  PERFORM pg_advisory_xact_lock(hashtextextended('scim group ' || lower(new_name), 0));
  outcome := 'contested';
  IF EXISTS (SELECT FROM groups WHERE lower(name) = lower(new_name)) OR EXISTS (SELECT FROM groups WHERE scim_external_id = new_external_id) THEN
    RETURN NEXT; RETURN;
  END IF;
  IF member_ids <> '{}' THEN
    SELECT * INTO entering, entering_parked FROM scim_people(member_ids);
    IF entering IS NULL THEN outcome := 'unknown'; RETURN NEXT; RETURN; END IF;
  END IF;
  INSERT INTO groups (name, description, mappings_sso, created_by, scim_id, scim_external_id)
  VALUES (new_name, '', '[]', by_whom, new_scim_id, new_external_id) RETURNING id INTO "groupId";
  INSERT INTO scim_groups (group_id) VALUES ("groupId");
  INSERT INTO events (type, created_by, created_by_user_id, ip, data)
  VALUES ('group-created', by_whom, by_user, from_ip, json_build_object('id', "groupId", 'name', new_name, 'description', '',
    'mappingsSSO', '[]'::json, 'scimId', new_scim_id, 'users', '[]'::json));
  outcome := 'changed'; version := 1; created := now(); "lastModified" := now(); members := '';
  IF member_ids <> '{}' THEN
    PERFORM scim_move_members("groupId", entering, '{}', entering_parked, '{}', by_whom, by_user, from_ip);
    version := 2; members := scim_members_of("groupId", tail);
  END IF;
  RETURN NEXT;
END $$;

-- The host's payload of group events, without the member list: each membership has an event of its own.
CREATE FUNCTION scim_group_payload(of_group integer) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', id, 'name', name, 'description', description, 'mappingsSSO', coalesce(mappings_sso, '[]'),
    'rootRole', root_role_id, 'scimId', scim_id, 'createdBy', created_by, 'createdAt', created_at)
  FROM groups WHERE id = of_group
$$;

-- Deletes a group; the host's foreign keys take memberships and role assignments along. The event names who lost access by it.
-- 'guarded': the group gives the ADMIN permission.
CREATE FUNCTION scim_delete_group(token integer, of_scim_id text, wanted_versions bigint[], by_whom text, by_user integer, from_ip text)
RETURNS TABLE (outcome text)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET scim.writer = 'on' AS $$
DECLARE
  done boolean := scim_admits(token, true);
  of_group integer;
BEGIN
  -- At once as strong as the deletion needs it, so that nobody who is to park a member gets in between.
  SELECT id INTO of_group FROM groups WHERE scim_id = of_scim_id FOR UPDATE;
  outcome := 'missing';
  IF NOT FOUND THEN RETURN NEXT; RETURN; END IF;
  outcome := 'stale';
  IF coalesce((SELECT version FROM scim_groups WHERE group_id = of_group), 1) <> ALL (wanted_versions) THEN RETURN NEXT; RETURN; END IF;
  outcome := 'guarded';
  IF scim_group_gives_admin(of_group) THEN RETURN NEXT; RETURN; END IF;
  INSERT INTO events (type, created_by, created_by_user_id, ip, pre_data)
  VALUES ('group-deleted', by_whom, by_user, from_ip, scim_group_payload(of_group) || jsonb_build_object('users',
    (SELECT coalesce(jsonb_agg(user_id ORDER BY user_id), '[]') FROM group_user WHERE group_id = of_group)));
  DELETE FROM groups WHERE id = of_group;
  outcome := 'changed'; RETURN NEXT;
END $$;
