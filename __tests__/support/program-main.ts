import { main } from '../../lib/host/start-program.js';

/** What bin/unleash-scim.js does, on the code under test. */
await main();
