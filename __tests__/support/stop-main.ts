import { register } from 'node:module';

/** A program that embeds the host, uses SCIM, stops the host, and has nothing more to do. */
if (process.env.HOST_PACKAGE !== undefined) register('./host-package-hook.js', import.meta.url);

const { start } = await import('unleash-server');
const { withScim } = await import('../../lib/index.js');

const { connection, port, token }: { connection: object; port: number; token: string } = JSON.parse(process.argv[2] ?? '{}');
const unleash = await start(
  withScim(
    {
      db: { ...connection, ssl: false },
      server: { host: '127.0.0.1', port, secret: 'secret', gracefulShutdownEnable: false },
      enterpriseVersion: '8.2.0',
      versionCheck: { enable: false },
    },
    { initToken: token },
  ),
);
const statuses: number[] = [];
for (const deadline = Date.now() + 20_000; Date.now() < deadline && !statuses.includes(200); ) {
  const answers = await Promise.all(
    Array.from({ length: 10 }, () =>
      fetch(`http://127.0.0.1:${port}/scim/Users`, { headers: { authorization: `Bearer ${token}`, connection: 'close' } }),
    ),
  );
  statuses.push(...answers.map(({ status }) => status));
}
console.log(`answered ${statuses.at(-1)}`);
await unleash.stop();
console.log('stopped');
