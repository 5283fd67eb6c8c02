#!/usr/bin/env node
import { main } from '../dist/lib/host/start-program.js';

await main();
