export type { ScimOptions } from './host/scim-options.js';
export { withScim } from './host/with-scim.js';
