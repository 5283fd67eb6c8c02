import type { Database } from './database.js';

/** What Postgres says of the schema, each part as text, without numbers that differ from one database to the next. */
const PARTS = {
  columns: `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || coalesce(character_maximum_length::text, '') || ' '
    || is_nullable || ' ' || coalesce(column_default, '') || ' ' || is_generated || ' ' || ordinal_position AS line
    FROM information_schema.columns WHERE table_schema = 'public'`,
  relations: `SELECT relname || ' ' || relkind::text || ' ' || relpersistence::text || ' ' || relrowsecurity || ' '
    || coalesce(array_to_string(reloptions, ','), '') || ' ' || coalesce(relacl::text, '') AS line
    FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
  indexes: `SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public'`,
  invalidIndexes: `SELECT indexrelid::regclass::text AS line FROM pg_index WHERE NOT indisvalid`,
  constraints: `SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated AS line
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace`,
  triggers: `SELECT pg_get_triggerdef(oid) || ' ' || tgenabled::text AS line FROM pg_trigger WHERE NOT tgisinternal`,
  eventTriggers: `SELECT evtname::text AS line FROM pg_event_trigger`,
  functions: `SELECT pg_get_functiondef(oid) || coalesce(proacl::text, '') AS line FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'`,
  types: `SELECT typname || ' ' || typtype::text AS line FROM pg_type WHERE typnamespace = 'public'::regnamespace`,
  schemas: `SELECT nspname || ' ' || coalesce(nspacl::text, '') AS line FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%temp\\_%'`,
  extensions: `SELECT extname::text AS line FROM pg_extension`,
  comments: `SELECT coalesce(to_regclass(objoid::regclass::text)::text, objoid::text) || ' ' || objsubid || ' ' || description AS line
    FROM pg_description WHERE classoid = 'pg_class'::regclass AND objoid >= 16384`,
  defaultGrants: `SELECT defaclobjtype::text || ' ' || defaclacl::text AS line FROM pg_default_acl`,
  settingsOfDatabase: `SELECT setconfig::text AS line FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
    WHERE d.datname = current_database()`,
  statistics: `SELECT stxname::text AS line FROM pg_statistic_ext`,
  publications: `SELECT pubname::text AS line FROM pg_publication`,
} as const;

/** The whole schema of a database, to be compared with that of another one. */
export const catalogOf = async (db: Database): Promise<Readonly<Record<string, readonly string[]>>> => {
  const parts: Record<string, readonly string[]> = {};
  for (const [name, query] of Object.entries(PARTS)) {
    parts[name] = (await db.query<{ line: string }>(`SELECT line FROM (${query}) x ORDER BY line COLLATE "C"`)).map(
      ({ line }) => line,
    );
  }
  return parts;
};
