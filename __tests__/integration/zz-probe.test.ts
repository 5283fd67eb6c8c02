import { test } from '@jest/globals';
import { withWorld } from '../support/test-world.js';
const world = withWorld();
test('probe', async () => {
  const { db } = world();
  for (const t of ['role_user','group_user','group_role','reset_tokens','public_signup_tokens','public_signup_tokens_user','personal_access_tokens','unleash_session','projects','users','groups','role_permission','roles']) {
    console.log(t, (await db.query(`SELECT column_name||' '||data_type||' '||is_nullable||' '||coalesce(column_default,'') AS c FROM information_schema.columns WHERE table_name=$1 AND table_schema='public' ORDER BY ordinal_position`, [t])).map(r=>r.c).join('\n'), (await db.query(`SELECT conname, pg_get_constraintdef(oid) d FROM pg_constraint WHERE conrelid=$1::regclass`, [t])).map(r=>r.conname+': '+r.d).join('\n'));
  }
  console.log(JSON.stringify(await db.query('select id,username,email,is_system,is_service from users')), JSON.stringify(await db.query('select id,name,type from roles')), JSON.stringify(await db.query('select id,name from projects')));
});
