import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ScheduleNotFoundError } from '@temporalio/client';
import type { Run } from '../../domain/run/run.ts';
import { apiClient } from '../support/client.ts';
import { untilSynced } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('reconcile');
  const env = { SWEEP_INTERVAL_SECONDS: '1', RUN_RETENTION_DAYS: '30' };
  const [service] = await Promise.all([stack.startApi(), stack.startWorker(env)]);
  api = apiClient(service.url);
});
afterAll(() => stack.stop());

const never = { cron: '0 0 1 1 *' };
const target = (path: string) => ({ type: 'http', url: stack.receiver.url + path });
const scheduleOf = (jobId: string) => stack.temporal.schedule.getHandle(`scheduler-job-${jobId}`);
const exists = (jobId: string) =>
  scheduleOf(jobId)
    .describe()
    .then(
      () => true,
      (error: unknown) => {
        if (error instanceof ScheduleNotFoundError) return false;
        throw error;
      },
    );
/** Ages the last change of a Temporal Schedule: the sweep skips recent ones, because lists may lag by a minute. */
const ageSchedule = (jobId: string) =>
  stack.db.query(`UPDATE jobs SET schedule_put_at = now() - interval '10 min' WHERE id = $1`, [jobId]);

describe('the sweep', () => {
  test.concurrent('creates a lost Temporal Schedule again', async () => {
    const job = await api.createJob({ name: 'lost', schedule: never, target: target('/lost') });
    await scheduleOf(job.id).delete();
    await ageSchedule(job.id);
    await waitFor('the schedule to be there again', () => exists(job.id));
    await untilSynced(api, job.id);
  });

  test.concurrent(
    'deletes a Temporal Schedule of the service that has no job, and leaves those of others alone',
    async () => {
      const action = {
        type: 'startWorkflow' as const,
        workflowType: 'runJob',
        taskQueue: 'scheduler',
        args: [],
      };
      const orphan = '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f';
      const spec = { intervals: [{ every: '1 day' }] };
      await stack.temporal.schedule.create({ scheduleId: `scheduler-job-${orphan}`, spec, action });
      await stack.temporal.schedule.create({ scheduleId: 'somebody-elses', spec, action });
      await waitFor('the orphan to be gone', async () => !(await exists(orphan)));
      expect((await stack.temporal.schedule.getHandle('somebody-elses').describe()).scheduleId).toBe(
        'somebody-elses',
      );
    },
  );

  test.concurrent('restores a pause that somebody removed in Temporal', async () => {
    const job = await api.createJob({ name: 'tampered', schedule: never, target: target('/tampered') });
    await api.pauseJob(job.id, { reason: 'maintenance' });
    await scheduleOf(job.id).unpause('I know better');
    await waitFor('the pause', async () => (await scheduleOf(job.id).describe()).state.paused);
  });
});

test.concurrent(
  'a database that was restored from a backup wins over Temporal, which is ahead of it',
  async () => {
    const job = await api.createJob({ name: 'restored', schedule: never, target: target('/restored') });
    await api.pauseJob(job.id);
    await api.resumeJob(job.id);
    // Temporal is ahead only once it holds that.
    await untilSynced(api, job.id);
    await stack.db.query('DELETE FROM job_revisions WHERE job_id = $1 AND generation > 1', [job.id]);
    await stack.db.query(
      'UPDATE jobs SET generation = 1, schedule_generation = 1, observed_generation = 0 WHERE id = $1',
      [job.id],
    );
    await untilSynced(api, job.id);
    expect((await api.getJob(job.id)).sync.generation).toBe(4);
    expect((await scheduleOf(job.id).describe()).action.args).toMatchObject([{ generation: 4 }]);
  },
);

describe('an occurrence that Temporal did not start', () => {
  /** Moves the occurrence log of a job back by `seconds`, as if Temporal had not started what was due since. */
  const makeDue = (jobId: string, seconds: number) =>
    stack.db.query(
      `UPDATE jobs SET accounted_to = now() - make_interval(secs => $2), account_at = now() WHERE id = $1`,
      [jobId, seconds],
    );
  const runsOf = async (jobId: string) => (await api.allRuns(jobId)).reverse();
  const endedRuns = (jobId: string, count: number) =>
    waitFor(
      `${count} runs to have ended`,
      async () => {
        const runs = await runsOf(jobId);
        return runs.length >= count && runs.every((run) => run.endedAt !== null) ? runs : undefined;
      },
      90_000,
    );

  test.concurrent('is started once, with the workflow id that Temporal would have used', async () => {
    const job = await api.createJob({
      name: 'started late',
      schedule: { every: '1h' },
      target: target('/started-late'),
      policy: { overlap: 'allowAll', catchupWindow: '1d' },
    });
    await makeDue(job.id, 3 * 3_600);
    const runs = await endedRuns(job.id, 3);
    expect(runs.map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    for (const run of runs) {
      expect(Date.parse(run.scheduledAt) % 3_600_000).toBe(0);
      expect(run.temporal.workflowId).toBe(`scheduler-job-${job.id}-${run.scheduledAt}`);
    }
    await makeDue(job.id, 3 * 3_600);
    await waitFor('the occurrence log to be up to date', async () => {
      const { rows } = await stack.db.query<{ done: boolean }>(
        `SELECT accounted_to > now() - interval '1 min' AS done FROM jobs WHERE id = $1`,
        [job.id],
      );
      return rows[0]?.done;
    });
    expect(await runsOf(job.id)).toHaveLength(3);
    expect(stack.receiver.callsTo('/started-late')).toHaveLength(3);
  });

  test.concurrent('is missed beyond the catchup window', async () => {
    const job = await api.createJob({
      name: 'missed',
      schedule: { every: '1h' },
      target: target('/missed'),
      policy: { overlap: 'allowAll', catchupWindow: '1h30m' },
    });
    await makeDue(job.id, 4 * 3_600);
    const runs = await endedRuns(job.id, 4);
    const states = runs.map(({ state }) => state);
    expect(states.slice(0, 2)).toEqual(['missed', 'missed']);
    expect(states[3]).toBe('succeeded');
    expect(runs[0]).toMatchObject({
      reason: 'it could not start within the catchup window',
      reasonCode: 'catchupWindowPassed',
    });
    expect(stack.receiver.callsTo('/missed')).toHaveLength(
      states.filter((state) => state === 'succeeded').length,
    );
  });

  test.concurrent(
    'runs after its predecessor with bufferAll, and is skipped during another run with skip',
    async () => {
      for (const overlap of ['bufferAll', 'skip']) {
        let underWay = 0;
        let most = 0;
        stack.receiver.respond(`/${overlap}`, (_, response) => {
          most = Math.max(most, ++underWay);
          setTimeout(() => {
            underWay--;
            response.end('ok');
          }, 500);
        });
        const job = await api.createJob({
          name: overlap,
          schedule: { every: '1h' },
          target: target(`/${overlap}`),
          policy: { overlap, catchupWindow: '1d' },
        });
        await makeDue(job.id, 3 * 3_600);
        const runs = await endedRuns(job.id, 3);
        const states = runs.map(({ state }) => state);
        expect(states).toEqual(
          overlap === 'skip' ? ['succeeded', 'skipped', 'skipped'] : ['succeeded', 'succeeded', 'succeeded'],
        );
        expect(most).toBe(1);
      }
    },
  );

  test.concurrent('that is due at the moment in which a pause ends is started', async () => {
    const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 6_000).toISOString();
    const job = await api.createJob({ name: 'at the end', schedule: { at }, target: target('/at-the-end') });
    await api.pauseJob(job.id, { until: at });
    expect(await endedRuns(job.id, 1)).toMatchObject([{ state: 'succeeded', trigger: 'schedule' }]);
  });

  test.concurrent('counts for maxRuns, and is not started beyond it', async () => {
    const job = await api.createJob({
      name: 'three of many',
      schedule: { every: '1h', maxRuns: 3 },
      target: target('/three-of-many'),
      policy: { overlap: 'allowAll', catchupWindow: '1d' },
    });
    await makeDue(job.id, 8 * 3_600);
    await waitFor('the job to be completed', async () => (await api.getJob(job.id)).state === 'completed');
    expect((await runsOf(job.id)).map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect(await exists(job.id)).toBe(false);
  });

  test.concurrent('does not stop the occurrence logs of other jobs when its own fails', async () => {
    const make = (name: string) =>
      api.createJob({
        name,
        schedule: { every: '1h' },
        target: target(`/${name}`),
        policy: { overlap: 'allowAll', catchupWindow: '1d' },
      });
    const [broken, sound] = [await make('broken'), await make('sound')];
    // A schedule as a newer version may have stored it.
    await stack.db.query(
      `UPDATE jobs SET schedule = '{"cron":"0 * * * *","timeZone":"Mars/Olympus"}' WHERE id = $1`,
      [broken.id],
    );
    await makeDue(broken.id, 3_600 * 2);
    await makeDue(sound.id, 3_600);
    expect(await endedRuns(sound.id, 1)).toMatchObject([{ state: 'succeeded' }]);
    // If the hour has changed meanwhile, its Temporal Schedule has started a run.
    await stack.db.query(`DELETE FROM runs WHERE job_id = $1`, [broken.id]);
    await stack.db.query(`DELETE FROM job_revisions WHERE job_id = $1`, [broken.id]);
    await stack.db.query(`DELETE FROM jobs WHERE id = $1`, [broken.id]);
  });

  test.concurrent(
    'is recorded as skipped when the overlap policy kept Temporal from starting it',
    async () => {
      stack.receiver.respond('/slow', (_, response) => void setTimeout(() => response.end('ok'), 5_500));
      const job = await api.createJob({ name: 'slow', schedule: { every: '2s' }, target: target('/slow') });
      await waitFor(
        'two skipped runs',
        async () => (await runsOf(job.id)).filter((run) => run.state === 'skipped').length >= 2,
      );
      // Deleting a job records all occurrences that are due.
      await api.deleteJob(job.id);
      const { rows: runs } = await stack.db.query<{ scheduled_at: Date; state: string; reason: string }>(
        'SELECT scheduled_at, state, reason FROM runs WHERE job_id = $1 ORDER BY scheduled_at',
        [job.id],
      );
      const skipped = runs.filter((run) => run.state === 'skipped');
      for (const run of skipped) expect(run.reason).toBe('overlap: another run was under way');
      const times = runs.map((run) => run.scheduled_at.getTime());
      expect(times).toEqual(times.map((_, index) => (times[0] as number) + index * 2_000));
    },
  );
});

test.concurrent('a run gets the end of its workflow, even if no worker could record it', async () => {
  const hang = (path: string) => stack.receiver.respond(path, () => undefined);
  const make = async (name: string, more = {}) => {
    hang(`/${name}`);
    const job = await api.createJob({
      name,
      schedule: never,
      target: { ...target(`/${name}`), timeout: '10m' },
      ...more,
    });
    return (await api.runJob(job.id)).id;
  };
  const ids = [await make('terminated'), await make('cancelled'), await make('timed-out', { timeout: '5s' })];
  await waitFor('the calls', () =>
    ['/terminated', '/cancelled', '/timed-out'].every((path) => stack.receiver.callsTo(path).length === 1),
  );
  const [terminated, cancelled] = ids.map((id) => stack.temporal.workflow.getHandle(`scheduler-run-${id}`));
  await terminated?.terminate('enough of it');
  await cancelled?.cancel();
  const runs = await waitFor('the runs to end', async () => {
    const all: Run[] = await Promise.all(ids.map((id) => api.getRun(id)));
    return all.every((run) => run.endedAt !== null) ? all : undefined;
  });
  expect(runs.map(({ state, reason }) => [state, reason])).toEqual([
    ['cancelled', 'the run was terminated: enough of it'],
    ['cancelled', 'the run was cancelled'],
    ['timedOut', 'it took longer than its timeout of 5s'],
  ]);
});

test.concurrent('runs are removed after their retention, and still count for maxRuns', async () => {
  const job = await api.createJob({
    name: 'old',
    schedule: { cron: '0 0 1 1 *', maxRuns: 5 },
    target: target('/old'),
  });
  await stack.db.query(
    `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, ended_at, state, workflow_id)
     SELECT gen_random_uuid(), $1, 'default', 1, 'schedule', day, day,
            CASE WHEN extract(day FROM day) = 3 THEN 'skipped' ELSE 'succeeded' END, 'w'
     FROM generate_series(timestamptz '2020-01-01Z', '2020-01-04Z', '1 day') AS day`,
    [job.id],
  );
  await waitFor('the runs to be removed', async () => (await api.allRuns(job.id)).length === 0);
  expect((await api.getJob(job.id)).status.upcoming).toHaveLength(2);
});

test('if the reconciler stops, the workers run its passes and create its Temporal Schedule again', async () => {
  const handle = stack.temporal.schedule.getHandle('scheduler-reconciler');
  expect((await handle.describe()).action).toMatchObject({ workflowType: 'reconcile' });
  await handle.delete();
  for await (const { workflowId, runId } of stack.temporal.workflow.list({
    query: 'WorkflowType = "reconcile" AND ExecutionStatus = "Running"',
  })) {
    await stack.temporal.workflow.getHandle(workflowId, runId).terminate();
  }
  await waitFor('its Temporal Schedule', () => handle.describe().catch(() => undefined));
});
