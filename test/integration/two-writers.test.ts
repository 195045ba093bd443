import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Job } from '../../domain/job/job.ts';
import { apiClient, request } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const WRITES = 500;
const CLIENTS = 16;
/** The writes of one job wait for one another, also on a busy machine. */
const SLOW_MS = 300_000;

let stack: Stack;
let urls: string[];
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('two-writers');
  // No worker: the reconciler must not correct what the two processes leave behind.
  urls = (await Promise.all([stack.startApi(), stack.startApi()])).map(({ url }) => url);
  api = apiClient(urls[0] as string);
});
afterAll(() => stack.stop());

const definition = (seconds: number) => ({
  name: 'contested',
  schedule: { every: `${seconds}s` },
  target: { type: 'http', url: 'https://example.com/' },
});

test(
  `two processes change one job ${WRITES} times at once: Temporal holds the last generation`,
  async () => {
    const { id } = await api.createJob(definition(10_000));
    const acknowledged: { generation: number; every: string }[] = [];
    let next = 1;
    const lane = async (url: string) => {
      for (let number = next++; number <= WRITES; number = next++) {
        const job = definition(10_000 + number);
        const answer = await (number % 3 === 0
          ? request<Job>(`${url}/jobs/${id}`, 'PUT', job)
          : request<Job>(`${url}/jobs/${id}`, 'PATCH', { schedule: job.schedule }));
        expect([answer.status, answer.headers.get('etag')]).toEqual([
          200,
          `"${answer.body.sync.generation}"`,
        ]);
        const { schedule } = answer.body as { schedule: { every: string } };
        acknowledged.push({ generation: answer.body.sync.generation, every: schedule.every });
      }
    };
    const started = performance.now();
    await Promise.all(Array.from({ length: CLIENTS }, (_, index) => lane(urls[index % 2] as string)));
    const seconds = (performance.now() - started) / 1_000;
    console.log(`${WRITES} writes took ${seconds.toFixed(1)} s`);

    const last = acknowledged.reduce((one, other) => (other.generation > one.generation ? other : one));
    // On a slow machine the last calls to Temporal may have timed out. Then the job is pending, and the reconciler syncs it.
    if ((await api.getJob(id)).sync.state !== 'synced') await stack.startWorker();
    const job = await waitFor('the job to be synced', async () => {
      const found = await api.getJob(id);
      return found.sync.state === 'synced' ? found : undefined;
    });
    // Each write made a generation, and the last acknowledged one is stored.
    expect(job.sync).toMatchObject({
      state: 'synced',
      generation: WRITES + 1,
      observedGeneration: WRITES + 1,
      error: null,
    });
    expect(last.generation).toBe(WRITES + 1);
    expect(job.schedule).toMatchObject({ every: last.every });
    const schedule = await stack.temporal.schedule.getHandle(`scheduler-job-${id}`).describe();
    expect(schedule.action.args).toEqual([{ jobId: id, generation: WRITES + 1, trigger: 'schedule' }]);
    expect(schedule.spec.intervals?.map(({ every }) => every)).toEqual([parseInt(last.every, 10) * 1_000]);

    // Each generation has a revision, which starts from the state of the previous one.
    const { rows } = await stack.db.query<{ before: string; after: string }>(
      `SELECT changes->'schedule'->'before'->>'every' AS before, changes->'schedule'->'after'->>'every' AS after
     FROM job_revisions WHERE job_id = $1 AND generation > 1 ORDER BY generation`,
      [id],
    );
    expect(rows).toHaveLength(WRITES);
    for (const [index, row] of rows.entries())
      expect(row.before).toBe(index === 0 ? '10000s' : rows[index - 1]?.after);
    expect(rows[WRITES - 1]?.after).toBe(last.every);
  },
  SLOW_MS,
);
