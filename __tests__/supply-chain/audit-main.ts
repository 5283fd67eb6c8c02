import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { type Accepted, type Finding, findingsIn, judge } from './audit.js';

const TIMEOUT_MS = 60_000;

/** npm ends with a failure where it finds something, and its report is on stdout all the same. */
const audit = (...args: readonly string[]): Promise<readonly Finding[] | undefined> =>
  new Promise((resolve) => {
    execFile('npm', ['audit', '--json', ...args], { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => {
      try {
        resolve(findingsIn(JSON.parse(stdout)));
      } catch {
        resolve(undefined);
      }
    });
  });

const told = ({ advisory, package: name, severity, title }: Finding): string => `${severity}: ${name}: ${title} (${advisory})`;

const accepted: readonly Accepted[] = JSON.parse(await readFile('.ci/advisories.json', 'utf8'));
const installed = await audit('--omit=dev');
const everything = await audit();
if (installed === undefined || everything === undefined) {
  console.warn('warning: the registry does not answer npm audit, so nothing is known of vulnerabilities');
} else {
  const { unexplained, explained, stale } = judge(installed, accepted);
  const names = new Set(installed.map(({ advisory }) => advisory));
  for (const finding of explained) console.log(`explained  ${told(finding)}`);
  for (const entry of stale) console.log(`not found any more, remove it from .ci/advisories.json: ${entry.advisory}`);
  for (const finding of everything.filter(({ advisory }) => !names.has(advisory))) console.log(`development  ${told(finding)}`);
  for (const finding of unexplained) console.error(`unexplained  ${told(finding)}`);
  console.log(`${installed.length} advisories in what is installed, ${unexplained.length} of them unexplained`);
  if (unexplained.length > 0) process.exitCode = 1;
}
