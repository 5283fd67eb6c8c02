import { readdirSync, readFileSync } from 'node:fs';

/** CPU milliseconds that each process has used so far, so that a difference survives processes that come and go. */
type CpuByProcess = ReadonlyMap<number, number>;

export interface CpuReading {
  readonly node: number;
  readonly postgres: CpuByProcess;
}

export interface CpuSpent {
  readonly node: number;
  readonly postgres: number;
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

const names = (path: string): readonly string[] => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};

/** Of all threads of a process, in milliseconds. In nanoseconds inside, where `/proc/<pid>/stat` counts hundredths of a second. */
export const cpuMs = (pid: number): number => {
  let nanoseconds = 0;
  for (const thread of names(`/proc/${pid}/task`)) {
    nanoseconds += Number(read(`/proc/${pid}/task/${thread}/schedstat`)?.split(' ')[0] ?? 0);
  }
  return nanoseconds / 1e6;
};

const childrenOf = (pid: number): readonly number[] =>
  (read(`/proc/${pid}/task/${pid}/children`) ?? '').split(' ').filter(Boolean).map(Number);

/** Of a server, and of a Postgres with all its backends. */
export const readCpu = (serverPid: number, postgresPid: number): CpuReading => ({
  node: cpuMs(serverPid),
  postgres: new Map([postgresPid, ...childrenOf(postgresPid)].map((pid) => [pid, cpuMs(pid)])),
});

export const cpuBetween = (before: CpuReading, after: CpuReading): CpuSpent => {
  let postgres = 0;
  for (const [pid, used] of after.postgres) postgres += used - (before.postgres.get(pid) ?? 0);
  return { node: after.node - before.node, postgres };
};

export interface Memory {
  /** MiB. */
  readonly resident: number;
  readonly peak: number;
}

/** `undefined` where there is no /proc. */
export const readMemory = (pid: number): Memory | undefined => {
  const status = read(`/proc/${pid}/status`);
  const mebibytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status ?? '')?.[1] ?? 0) / 1024;
  return status === undefined ? undefined : { resident: mebibytes('VmRSS'), peak: mebibytes('VmHWM') };
};
