import { afterAll, beforeAll, test } from '@jest/globals';
import { apiClient } from '../support/client.ts';
import { untilState } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { withRevisions } from '../support/with-revisions.ts';

let stack: Stack;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('fairness');
  const [service] = await Promise.all([stack.startApi(), stack.startWorker()]);
  api = apiClient(service.url);
});
afterAll(() => stack.stop());

const target = () => ({ type: 'http', url: stack.receiver.url + '/ok' });
const soon = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

/** More than one batch of the reconciler holds. */
const COUNT = 150;

/** Inserts many copies of a job, with the columns of `values` replaced. The trigger below makes each change of their state fail. */
async function makeBroken(jobId: string, values: Record<string, string>): Promise<void> {
  const { rows } = await stack.db.query<{ name: string }>(
    "SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'jobs' AND table_schema = 'public'",
  );
  const names = rows.map(({ name }) => name);
  const select = names.map(
    (name) => ({ id: 'gen_random_uuid()', name: `'broken ' || jobs.id || number`, ...values })[name] ?? name,
  );
  await stack.db.query(
    withRevisions(`INSERT INTO jobs (${names.join(', ')})
     SELECT ${select.join(', ')} FROM jobs, generate_series(1, ${COUNT}) AS number WHERE jobs.id = $1`),
    [jobId],
  );
}

test('jobs that keep failing delay neither other jobs nor later steps of the reconciler', async () => {
  await stack.db.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$`);
  await stack.db.query(`
    CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.name LIKE 'broken %' AND OLD.state <> NEW.state) EXECUTE FUNCTION refuse()`);

  const paused = await api.createJob({ name: 'paused', schedule: { every: '1h' }, target: target() });
  await api.pauseJob(paused.id, { until: soon(3_600) });
  await makeBroken(paused.id, { paused_until: "now() - interval '1 hour'" });
  const once = await api.createJob({ name: 'once', schedule: { at: [soon(3_600)] }, target: target() });
  await makeBroken(once.id, { finishes_at: "now() - interval '1 hour'", accounted_to: 'now()' });
  const failures = async (step: string) => {
    const { rows } = await stack.db.query<{ count: string }>(
      'SELECT count(*) FROM deferrals WHERE step = $1',
      [step],
    );
    return Number(rows[0]?.count);
  };
  await waitFor('all of them to have failed', async () => {
    const counts = await Promise.all(['resumed', 'completed'].map(failures));
    return counts.every((count) => count === COUNT);
  });

  await api.pauseJob(paused.id, { until: soon(2) });
  const finished = await api.createJob({ name: 'finished', schedule: { at: [soon(2)] }, target: target() });
  await untilState(api, paused.id, 'active');
  await untilState(api, finished.id, 'completed');

  // Once the cause is removed, all of them are processed.
  await stack.db.query('DROP TRIGGER refuse ON jobs');
  await stack.db.query('UPDATE deferrals SET retry_at = now()');
  await waitFor('no deferred job', async () => {
    const counts = await Promise.all(['resumed', 'completed'].map(failures));
    return counts.every((count) => count === 0);
  });
});
