import type { Audit } from './event-sql.js';

/** The versions that If-Match names; undefined: any will do. */
export type WantedVersions = readonly string[] | undefined;

/** Entity tags that are no version of ours fit no row. */
export const versionNumbers = (versions: WantedVersions): readonly string[] | null =>
  versions?.filter((version) => /^(0|[1-9]\d{0,17})$/.test(version)) ?? null;

export const auditValues = ({ createdBy, createdByUserId, ip }: Audit): readonly unknown[] => [createdBy, createdByUserId, ip];
