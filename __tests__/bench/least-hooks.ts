import { hooksOf } from './floor-hooks.js';
import { leastRoutes } from './least-routes.js';

/** The floor that writes the host's own rows in place of its own: {@link leastRoutes}. */
export const hostOptions = hooksOf((run) => [leastRoutes(run)]);
