// Jest takes its teardown from the default export.
export { stopTestServer as default } from './global-setup.js';
