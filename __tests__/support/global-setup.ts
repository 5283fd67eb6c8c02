import { startTestServer, type TestServer } from './test-postgres.js';

let server: TestServer | undefined;

export const stopTestServer = async (): Promise<void> => {
  await server?.stop();
  server = undefined;
};

const globalSetup = async (): Promise<void> => {
  // Jest ends at once on these, without its teardown.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void stopTestServer().finally(() => process.exit(1)));
  }
  server = await startTestServer();
};

// Jest takes its set-up from the default export.
export { globalSetup as default };
