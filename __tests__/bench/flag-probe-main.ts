import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbeCommand, ProbeOptions, ProbeReport } from './flag-probe.js';
import { HttpConnection } from './http-connection.js';
import { quantile, rounded } from './statistics.js';

/** Asks the host for its flags at a steady pace, in a process of its own: that of the benchmark is busy at times. */

process.on('disconnect', () => process.exit(1));

const { url, token, everyMs }: ProbeOptions = JSON.parse(process.argv[2] ?? '{}');
const connection = new HttpConnection(url, { Authorization: token, Accept: 'application/json' });
const latencies = new Map<string, number[]>();
let phase: string | undefined;
let done = false;

process.on('message', (command: ProbeCommand) => {
  if (command.kind === 'phase') phase = command.phase;
  else done = true;
});

for (let due = performance.now(); !done; due += everyMs) {
  await sleep(Math.max(0, due - performance.now()));
  const during = phase;
  const { status } = await connection.send({ method: 'GET', path: '/api/client/features' }, false);
  if (status !== 200) throw new Error(`the flag API gave ${status}`);
  if (during === undefined || during !== phase) continue;
  // From when it was due: a request that had to wait for a slow one before it is slow too.
  const taken = performance.now() - due;
  const counted = latencies.get(during) ?? [];
  counted.push(taken);
  latencies.set(during, counted);
}
connection.close();
const report: ProbeReport = Object.fromEntries(
  [...latencies].map(([name, values]) => [
    name,
    { requests: values.length, p50: rounded(quantile(values, 0.5)), p99: rounded(quantile(values, 0.99)) },
  ]),
);
process.send?.(report, () => process.exit(0));
