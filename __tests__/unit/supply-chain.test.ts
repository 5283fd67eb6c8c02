import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { findingsIn, judge } from '../supply-chain/audit.js';

// The compiled tests run from build/; sources and documents stay in the tree.
const read = (...path: readonly string[]): string => readFileSync(join(process.cwd(), ...path), 'utf8');

type Packages = Readonly<Record<string, string>>;
interface Manifest {
  readonly dependencies: Packages;
  readonly optionalDependencies: Packages;
  readonly peerDependencies: Packages;
  readonly devDependencies: Packages;
}
interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly license?: string;
  readonly link?: boolean;
}

const manifest: Manifest = JSON.parse(read('package.json'));
const lockText = read('package-lock.json');
const locked: Readonly<Record<string, Locked>> = JSON.parse(lockText).packages;
const installed = Object.entries(locked).filter(([path]) => path !== '');

describe('the lockfile', () => {
  test('has an integrity hash for every package', () => {
    expect(installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
    expect(installed.length).toBeGreaterThan(500);
  });

  test('names no registry, and takes no package from elsewhere', () => {
    const elsewhere = installed.filter(
      ([, { resolved, link, version }]) => resolved !== undefined || link === true || !/^\d+\.\d+\.\d+/.test(version),
    );
    expect(elsewhere).toEqual([]);
    expect(lockText.split('\n').filter((line) => /registry\.|npmjs/.test(line))).toEqual([]);
    expect(read('.npmrc')).toMatch(/^omit-lockfile-registry-resolved=true$/m);
  });

  test('is that of package.json', () => {
    const { dependencies, optionalDependencies, peerDependencies, devDependencies } = manifest;
    expect(locked['']).toMatchObject({ dependencies, optionalDependencies, peerDependencies, devDependencies });
  });
});

describe('docs/dependencies.md', () => {
  const page = read('docs', 'dependencies.md');
  const sections = new Map(page.split(/^##+ /m).map((section) => [section.split('\n')[0] ?? '', section]));
  const rowsOf = (section: string): readonly (readonly string[])[] =>
    (sections.get(section) ?? '')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !/^\| (Package|---)/.test(line))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );

  test.each([
    ['At run time', manifest.dependencies],
    ['Optional', manifest.optionalDependencies],
    ['For development', manifest.devDependencies],
  ])('has the packages of package.json and no other, with version, date, size, licence and reason: %s', (section, packages) => {
    const rows = rowsOf(section);
    expect(rows.map(([name]) => name).toSorted()).toEqual(Object.keys(packages).toSorted());
    for (const [name = '', version, published, size, licence = '', reason = ''] of rows) {
      const lock = locked[`node_modules/${name}`];
      expect([name, version]).toEqual([name, lock?.version]);
      expect([name, published]).toEqual([name, expect.stringMatching(/^20\d\d-\d\d-\d\d$/)]);
      expect([name, size]).toEqual([name, expect.stringMatching(/^\d+\.\d\d MB/)]);
      expect([name, licence.split(';')[0]]).toEqual([name, lock?.license]);
      expect([name, reason]).toEqual([name, expect.stringMatching(/\w+ \w+|\w{5,}/)]);
    }
  });

  test('has the range of Unleash that is accepted', () => {
    expect(rowsOf('Peer').map(([name, range]) => [name, range])).toEqual(
      Object.entries(manifest.peerDependencies).map(([name, range]) => [name, `\`${range}\``]),
    );
  });
});

describe('npm audit', () => {
  /** As npm writes it: the package that has the hole, and one that depends on it. */
  const report = {
    auditReportVersion: 2,
    vulnerabilities: {
      qs: {
        name: 'qs',
        severity: 'high',
        via: [
          {
            source: 1,
            name: 'qs',
            title: 'Exhausts memory',
            url: 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc',
            severity: 'high',
          },
        ],
      },
      express: { name: 'express', severity: 'high', via: ['qs'] },
    },
  };
  const finding = { advisory: 'GHSA-aaaa-bbbb-cccc', package: 'qs', severity: 'high', title: 'Exhausts memory' };
  const explanation = { advisory: finding.advisory, package: 'qs', reason: 'no query of ours reaches it' };

  test('fails the checks for an advisory that nobody explains', () => {
    expect(findingsIn(report)).toEqual([finding]);
    expect(judge([finding], [])).toEqual({ unexplained: [finding], explained: [], stale: [] });
    expect(judge([finding], [{ ...explanation, reason: ' ' }]).unexplained).toEqual([finding]);
    expect(judge([finding], [{ ...explanation, package: 'other' }]).unexplained).toEqual([finding]);
  });

  test('passes where .ci/advisories.json has the reason, and tells of reasons that are not needed any more', () => {
    expect(judge([finding], [explanation])).toEqual({ unexplained: [], explained: [finding], stale: [] });
    expect(judge([], [explanation])).toEqual({ unexplained: [], explained: [], stale: [explanation] });
    expect(findingsIn({ auditReportVersion: 2, vulnerabilities: {} })).toEqual([]);
  });

  test.each([
    [undefined],
    [null],
    [{ message: '405 Method Not Allowed', statusCode: 405, error: { summary: '' } }],
    [{ error: { code: 'ENOTFOUND' } }],
  ])('tells a registry that does not answer from one that finds nothing: %j', (answer) => {
    expect(findingsIn(answer)).toBeUndefined();
  });

  test('has reasons for real advisories only', () => {
    const accepted: readonly (typeof explanation)[] = JSON.parse(read('.ci', 'advisories.json'));
    for (const { advisory, package: name, reason } of accepted) {
      expect([advisory, name, reason]).toEqual([
        expect.stringMatching(/^GHSA(-\w{4}){3}$/),
        expect.any(String),
        expect.stringMatching(/\w+ \w+/),
      ]);
    }
  });
});
