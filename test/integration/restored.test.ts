import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client } from '@temporalio/client';
import { apiClient } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const JOBS = 200;
/** An empty namespace, like that of a new Temporal server. */
const EMPTY = 'restored-into-empty';

let stack: Stack;

beforeAll(async () => {
  stack = await createStack('restored');
  await stack.temporal.workflowService.registerNamespace({
    namespace: EMPTY,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
});
afterAll(() => stack.stop());

test('a database that is used with an empty Temporal: after one sweep every active job has its Temporal Schedule', async () => {
  const first = await stack.startApi();
  const api = apiClient(first.url);
  const ids: string[] = [];
  for (let index = 0; index < JOBS; index++) {
    const job = await api.createJob({
      name: `kept-${index}`,
      schedule: { every: index === 0 ? '2s' : '1d' },
      target: { type: 'http', url: `${stack.receiver.url}/kept` },
    });
    expect(job.sync.state).toBe('synced');
    ids.push(job.id);
  }
  const [paused, deleted] = ids.slice(-2) as [string, string];
  await api.pauseJob(paused);
  await api.deleteJob(deleted);
  await first.stop();
  // The sweep skips recently changed Temporal Schedules, because lists may lag. These are older.
  await stack.db.query(`UPDATE jobs SET schedule_put_at = schedule_put_at - interval '1 hour'`);

  const empty = new Client({ connection: stack.temporal.connection, namespace: EMPTY });
  const worker = await waitFor('a worker on the new namespace', () =>
    stack.startWorker({ TEMPORAL_NAMESPACE: EMPTY }),
  );
  const listed = async () => {
    const found = new Map<string, boolean>();
    for await (const { scheduleId, state } of empty.schedule.list()) found.set(scheduleId, state.paused);
    found.delete('scheduler-reconciler');
    return found;
  };
  await waitFor('all schedules to be there', async () => (await listed()).size === JOBS - 1, 90_000);
  const found = await listed();
  for (const id of ids) expect(found.has(`scheduler-job-${id}`)).toBe(id !== deleted);
  for (const [id, isPaused] of found) expect(isPaused).toBe(id === `scheduler-job-${paused}`);
  await waitFor('a call', () => stack.receiver.callsTo('/kept').length > 0);
  await worker.stop();
});
