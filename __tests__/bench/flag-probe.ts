import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { adminSession } from '../support/clients.js';
import { cleanEnv } from '../support/host-process.js';
import type { Subject } from './subject.js';

export interface ProbeOptions {
  readonly url: string;
  readonly token: string;
  readonly everyMs: number;
}

/** `phase`: what the latencies from now on are counted under; without one they are not. */
export type ProbeCommand = { readonly kind: 'phase'; readonly phase?: string } | { readonly kind: 'report' };

export type ProbeReport = Readonly<
  Record<string, { readonly requests: number; readonly p50: number | null; readonly p99: number | null }>
>;

export interface FlagProbe {
  during(phase: string | undefined): void;
  /** Ends the probe. */
  report(): Promise<ProbeReport>;
}

const EVERY_MS = 20;
const FLAGS = 10;
const PROJECT = '/api/admin/projects/default';

const createFlags = async (subject: Subject): Promise<string> => {
  const admin = await adminSession(subject.host);
  for (let flag = 1; flag <= FLAGS; flag += 1) {
    const name = `flag-${flag}`;
    const environment = `${PROJECT}/features/${name}/environments/development`;
    await admin.post(`${PROJECT}/features`).send({ name, type: 'release' }).expect(201);
    const parameters = { rollout: '50', stickiness: 'default', groupId: name };
    await admin.post(`${environment}/strategies`).send({ name: 'flexibleRollout', parameters }).expect(200);
    await admin.post(`${environment}/on`).expect(200);
  }
  const token = { tokenName: 'bench', type: 'client', environment: 'development', projects: ['default'] };
  const { body } = await admin.post('/api/admin/api-tokens').send(token).expect(201);
  return body.secret;
};

/** Makes flags and a client token in the host, and asks for them fifty times a second. */
export const startFlagProbe = async (subject: Subject): Promise<FlagProbe> => {
  const options: ProbeOptions = { url: subject.host.url, token: await createFlags(subject), everyMs: EVERY_MS };
  const child = fork(fileURLToPath(new URL('./flag-probe-main.js', import.meta.url)), [JSON.stringify(options)], {
    env: cleanEnv(),
    execArgv: [],
  });
  const tell = (command: ProbeCommand): void => {
    child.send(command);
  };
  return {
    during: (phase) => tell({ kind: 'phase', ...(phase === undefined ? {} : { phase }) }),
    report: async () => {
      const ended = once(child, 'exit').then(() => {
        throw new Error(`${subject.name}: the probe of the flag API ended early`);
      });
      ended.catch(() => undefined);
      const reported = once(child, 'message');
      tell({ kind: 'report' });
      const [report] = await Promise.race([reported, ended]);
      return report as ProbeReport;
    },
  };
};
