/** An advisory that does no harm here, and why. */
export interface Accepted {
  /** As in the last part of its address, such as `GHSA-xxxx-xxxx-xxxx`. */
  readonly advisory: string;
  readonly package: string;
  readonly reason: string;
}

export interface Finding {
  readonly advisory: string;
  readonly package: string;
  readonly severity: string;
  readonly title: string;
}

export interface Verdict {
  /** What nobody has given a reason for. */
  readonly unexplained: readonly Finding[];
  readonly explained: readonly Finding[];
  /** Reasons for what is not found any more. */
  readonly stale: readonly Accepted[];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

const findingOf = (via: Readonly<Record<string, unknown>>): Finding => ({
  advisory: String(via.url ?? via.source).replace(/^.*\//, ''),
  package: String(via.name),
  severity: String(via.severity),
  title: String(via.title),
});

/**
 * The advisories in the output of `npm audit --json`, each once: a package is listed again for everybody who depends on it.
 *
 * @returns undefined where the registry gave no answer.
 */
export const findingsIn = (report: unknown): readonly Finding[] | undefined => {
  if (!isObject(report) || !isObject(report.vulnerabilities)) return undefined;
  const findings = new Map<string, Finding>();
  for (const vulnerability of Object.values(report.vulnerabilities)) {
    if (!isObject(vulnerability) || !Array.isArray(vulnerability.via)) continue;
    for (const via of vulnerability.via) {
      if (!isObject(via)) continue;
      const finding = findingOf(via);
      findings.set(`${finding.advisory} ${finding.package}`, finding);
    }
  }
  return [...findings.values()];
};

export const judge = (findings: readonly Finding[], accepted: readonly Accepted[]): Verdict => {
  const covers = (finding: Finding) => (entry: Accepted) =>
    entry.advisory === finding.advisory && entry.package === finding.package && entry.reason.trim() !== '';
  return {
    unexplained: findings.filter((finding) => !accepted.some(covers(finding))),
    explained: findings.filter((finding) => accepted.some(covers(finding))),
    stale: accepted.filter((entry) => !findings.some((finding) => covers(finding)(entry))),
  };
};
