-- How many people there are to list, in buckets of 1,024 host ids: a page of a list finds its place, and the total, by adding
-- up buckets instead of people. Connections write to eight shards, so that they seldom wait for each other.
CREATE TABLE scim_page_counts (
  bucket integer NOT NULL,
  shard  smallint NOT NULL,
  people integer NOT NULL,
  PRIMARY KEY (bucket, shard)
) WITH (fillfactor = 50);

CREATE FUNCTION scim_count_inserted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO scim_page_counts AS c (bucket, shard, people)
  SELECT user_id >> 10, pg_backend_pid() & 7, count(*) FROM inserted WHERE state <> 'gone' GROUP BY 1 ORDER BY 1
  ON CONFLICT (bucket, shard) DO UPDATE SET people = c.people + excluded.people;
  RETURN NULL;
END $$;
-- scim.counting = 'off': who writes counts as well.
CREATE TRIGGER scim_count_inserted AFTER INSERT ON scim_users REFERENCING NEW TABLE AS inserted
  FOR EACH STATEMENT WHEN (current_setting('scim.counting', true) IS DISTINCT FROM 'off') EXECUTE FUNCTION scim_count_inserted();

CREATE FUNCTION scim_count_deleted() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO scim_page_counts AS c (bucket, shard, people)
  SELECT user_id >> 10, pg_backend_pid() & 7, -count(*) FROM deleted WHERE state <> 'gone' GROUP BY 1 ORDER BY 1
  ON CONFLICT (bucket, shard) DO UPDATE SET people = c.people + excluded.people;
  RETURN NULL;
END $$;
CREATE TRIGGER scim_count_deleted AFTER DELETE ON scim_users REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION scim_count_deleted();

-- One person more or less. The row is there but for the first of a thousand, and an update takes less than an insert that gives way.
CREATE FUNCTION scim_count_person(of_user integer, more integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE scim_page_counts c SET people = c.people + more WHERE c.bucket = of_user >> 10 AND c.shard = pg_backend_pid() & 7;
  IF NOT FOUND THEN
    INSERT INTO scim_page_counts AS c (bucket, shard, people) VALUES (of_user >> 10, pg_backend_pid() & 7, more)
    ON CONFLICT (bucket, shard) DO UPDATE SET people = c.people + excluded.people;
  END IF;
  RETURN FOUND;
END $$;

-- scim.counting = 'off': a transaction that moves very many people counts anew at its end.
CREATE FUNCTION scim_count_moved() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off SET search_path FROM CURRENT AS $$
BEGIN
  IF current_setting('scim.counting', true) = 'off' THEN RETURN NULL; END IF;
  PERFORM scim_count_person(NEW.user_id, CASE WHEN NEW.state = 'gone' THEN -1 ELSE 1 END);
  RETURN NULL;
END $$;
CREATE TRIGGER scim_count_moved AFTER UPDATE OF state ON scim_users
  FOR EACH ROW WHEN ((OLD.state = 'gone') <> (NEW.state = 'gone')) EXECUTE FUNCTION scim_count_moved();

CREATE FUNCTION scim_count_none() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM scim_page_counts;
  RETURN NULL;
END $$;
CREATE TRIGGER scim_count_none AFTER TRUNCATE ON scim_users FOR EACH STATEMENT EXECUTE FUNCTION scim_count_none();

-- Behind a lock of the table: a bucket that somebody has begun meanwhile would be counted twice, or be in the way.
CREATE FUNCTION scim_recount() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  LOCK TABLE scim_page_counts IN SHARE ROW EXCLUSIVE MODE;
  DELETE FROM scim_page_counts;
  INSERT INTO scim_page_counts (bucket, shard, people)
  SELECT user_id >> 10, 0, count(*) FROM scim_users WHERE state <> 'gone' GROUP BY 1;
END $$;

-- Counts anew where a restore has written the tables without their triggers, or with them.
CREATE FUNCTION scim_settle_counts() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT user_id >> 10 AS bucket, count(*) AS people FROM scim_users WHERE state <> 'gone' GROUP BY 1) u
    FULL JOIN (SELECT bucket, sum(people) AS people FROM scim_page_counts GROUP BY 1) c USING (bucket)
    WHERE coalesce(u.people, 0) <> coalesce(c.people, 0)) THEN
    PERFORM scim_recount();
  END IF;
END $$;
