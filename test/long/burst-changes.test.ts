import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiClient } from '../support/client.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// Jobs that are all due in one second. Each is changed twice meanwhile, and a worker is killed.
const JOBS = 1_000;
const CLIENTS = 8;

let stack: Stack;
let apis: ReturnType<typeof apiClient>[];
let doomed: ServiceProcess;

beforeAll(async () => {
  stack = await createStack('burst-changes');
  const [one, two, worker] = await Promise.all([stack.startApi(), stack.startApi(), stack.startWorker()]);
  apis = [apiClient(one.url), apiClient(two.url)];
  doomed = worker;
});
afterAll(() => stack.stop());

/** Calls `work` for each index below `JOBS`, in `CLIENTS` parallel lanes. */
const forAll = (work: (index: number, api: ReturnType<typeof apiClient>) => Promise<unknown>) =>
  Promise.all(
    Array.from({ length: CLIENTS }, async (_, first) => {
      for (let index = first; index < JOBS; index += CLIENTS)
        await work(index, apis[index % apis.length] as ReturnType<typeof apiClient>);
    }),
  );

test(`${JOBS} jobs due in one second have one run each, although all are changed meanwhile and a worker is killed`, async () => {
  const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 90_000).toISOString();
  const ids: string[] = [];
  await forAll(async (index, api) => {
    const job = await api.createJob({
      name: `burst-${index}`,
      schedule: { at },
      target: { type: 'http', url: `${stack.receiver.url}/${index}` },
    });
    ids[index] = job.id;
  });
  expect(Date.now()).toBeLessThan(Date.parse(at));

  await waitFor('the jobs to be due', () => Date.now() >= Date.parse(at), 100_000);
  const later = '2090-01-01T00:00:00Z';
  const kill = waitFor('some calls', () => stack.receiver.calls.length > JOBS / 10).then(async () => {
    await doomed.stop('SIGKILL');
    await stack.startWorker();
  });
  await forAll(async (index, api) => {
    await api.patchJob(ids[index] as string, { labels: { changed: 'once' } });
    await api.patchJob(ids[index] as string, { schedule: { at: later } });
  });
  await kill;

  const open = async () => {
    const { rows } = await stack.db.query<{ count: string }>(
      `SELECT count(*) FROM jobs WHERE NOT EXISTS (
         SELECT FROM runs WHERE job_id = jobs.id AND state = 'succeeded')`,
    );
    return Number(rows[0]?.count);
  };
  await waitFor('a run of each job', async () => (await open()) === 0, 200_000);
  const { rows } = await stack.db.query<{ scheduled_at: Date; state: string }>(
    'SELECT scheduled_at, state FROM runs',
  );
  expect(rows).toHaveLength(JOBS);
  expect(new Set(rows.map((row) => `${row.state} ${row.scheduled_at.toISOString()}`))).toEqual(
    new Set([`succeeded ${at}`]),
  );
  const keys = new Map<string, Set<unknown>>();
  for (const { path, headers } of stack.receiver.calls)
    keys.set(path, (keys.get(path) ?? new Set()).add(headers['idempotency-key']));
  expect(keys.size).toBe(JOBS);
  for (const ofOne of keys.values()) expect(ofOne.size).toBe(1);

  let workflows = 0;
  await waitFor('Temporal to list them all', async () => {
    workflows = (await stack.temporal.workflow.count('WorkflowType = "runHttpJob"')).count;
    return workflows >= JOBS;
  });
  expect(workflows).toBe(JOBS);
  expect((await apis[0]?.getJob(ids[0] as string))?.status.nextRunAt).toBe(later);
}, 600_000);
