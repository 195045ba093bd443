import { Client, Connection } from '@temporalio/client';
import { scheduleIdOf } from '../domain/run/ids.ts';
import { createApiClient } from './api-client.ts';
import type { BenchJob, Contender, When } from './contender.ts';
import { CLIENTS, pause, type BenchContext } from './context.ts';
import { createInstallation, type Installation } from './service.ts';

/** The service: one API and one worker from the build. */
export async function startOurs(context: BenchContext): Promise<Contender & { db: Installation['db'] }> {
  const { postgres, temporal, stops } = context;
  const installation = await createInstallation(context, 'ours');
  const api = await installation.startApi();
  const worker = await installation.startWorker();
  const client = createApiClient(api.port, CLIENTS);
  const connection = await Connection.connect({ address: temporal.address });
  stops.push(() => connection.close(), client.close);
  const ids = new Map<string, string>();
  const idOf = ({ name }: BenchJob) => ids.get(name) ?? '';

  return {
    name: 'ours',
    db: installation.db,
    create: async ({ name, url, when }) => {
      let job = await client.askJob('/jobs', 'POST', {
        name,
        schedule: toSchedule(when),
        target: { type: 'http', url },
      });
      ids.set(name, job.id);
      while (job.sync.state !== 'synced') {
        await pause(context, 200);
        job = await client.askJob(`/jobs/${job.id}`);
      }
    },
    remove: async (job) => void (await client.ask(`/jobs/${idOf(job)}`, 'DELETE')),
    pids: { api: api.pid, worker: worker.pid, temporal: temporal.pid, postgres: postgres.pid },
    temporal: new Client({ connection, namespace: 'ours' }),
    scheduleIdOf: (job) => scheduleIdOf(idOf(job)),
    readMetrics: async () => (await fetch(`http://127.0.0.1:${worker.port}/metrics`)).text(),
  };
}

const toSchedule = (when: When) =>
  'at' in when
    ? { at: when.at.toISOString() }
    : { every: `${when.everyMs / 1_000}s`, offset: `${when.offsetMs / 1_000}s` };
