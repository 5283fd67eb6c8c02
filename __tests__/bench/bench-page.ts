import { writePage } from './performance-page.js';

/** Writes docs/performance.md anew from the results that are there. */
writePage();
