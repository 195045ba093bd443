import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiClient } from '../support/client.ts';
import {
  afterPause,
  onceDue,
  patch,
  pause,
  put,
  remove,
  resume,
  whileLocked,
  type Change,
  type ChangedJob,
} from '../support/change-late.ts';
import { dueByRevisions } from '../support/due-by-revisions.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// An occurrence is decided by the schedule, the pause and the policy that were in force at its nominal time, whoever
// notices when.

let stack: Stack;
let api: ReturnType<typeof apiClient>;

interface Row {
  runId: string;
  at: number;
  state: string;
  reasonCode: string | null;
  /** Of the record of a pause: how many occurrences it stands for. */
  occurrences: number | null;
}

interface Case {
  name: string;
  schedule?: object;
  policy?: object;
  /** How long the target takes. */
  takesMs?: number;
  steps: Change;
  /** How an occurrence before the last change may end, and one after it. By default, each succeeds. */
  before?: string[];
  after?: string[];
  /** `maxRuns` bounds the schedule: not every instant of it is an occurrence. */
  isBounded?: true;
}

/** Locks a job as another change does, until the result is called. */
const lock = async ({ id }: ChangedJob) => {
  const client = await stack.db.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM jobs WHERE id = $1 FOR NO KEY UPDATE', [id]);
  return async () => {
    await client.query('COMMIT');
    client.release();
  };
};

const hour = new Date().getUTCHours();
const inTheseHours = `*/2 * ${hour},${(hour + 1) % 24} * * *`;
const LATE = 'catchupWindowPassed';
const STOPPED = ['succeeded', 'pausedBeforeStart', 'jobDeleted'];

const WITHOUT_WORKER: Case[] = [
  {
    name: 'another schedule and the first one again',
    steps: onceDue(put({ every: '3s' }), put({ every: '2s' })),
  },
  { name: 'exclusions', steps: onceDue(patch({ schedule: { exclude: [{ cron: '0-30 * * * * *' }] } })) },
  {
    name: 'another time zone',
    schedule: { cron: inTheseHours },
    steps: onceDue(patch({ schedule: { timeZone: 'Asia/Tokyo' } })),
  },
  { name: 'another schedule once its pause was over', steps: afterPause(put({ every: '3s' })) },
  {
    name: 'a later start once its pause was over',
    steps: afterPause(patch({ schedule: { startAt: '2090-01-01T00:00:00Z' } })),
  },
  {
    name: 'another schedule that waited for the lock of its job',
    steps: onceDue(whileLocked(lock, put({ every: '3s' }))),
  },
  { name: 'a resumption once its pause was over', steps: afterPause(resume) },
  {
    name: 'another pause, a schedule within it and a resumption once its pause was over',
    steps: afterPause(pause, put({ every: '3s' }), resume),
  },
  {
    name: 'a deletion once its pause was over',
    steps: afterPause(remove),
    before: ['jobDeleted'],
    after: ['jobDeleted'],
  },
  {
    name: 'another overlap policy once its pause was over',
    policy: { overlap: 'allowAll' },
    takesMs: 2_500,
    steps: afterPause(patch({ policy: { overlap: 'skip' } })),
    after: ['succeeded', 'overlap'],
  },
  {
    name: 'a shorter catchup window once its pause was over',
    steps: afterPause(patch({ policy: { catchupWindow: '10s' } })),
    after: ['succeeded', LATE],
  },
  {
    name: 'a longer catchup window once its pause was over',
    policy: { catchupWindow: '10s' },
    steps: afterPause(patch({ policy: { catchupWindow: '1h' } })),
    before: [LATE],
  },
  {
    name: 'more runs',
    schedule: { every: '2s', maxRuns: 1 },
    steps: onceDue(patch({ schedule: { maxRuns: 6 } })),
    isBounded: true,
    before: ['succeeded', 'maxRunsReached'],
    after: ['succeeded', 'maxRunsReached'],
  },
  {
    name: 'fewer runs',
    schedule: { every: '2s', maxRuns: 100 },
    steps: onceDue(patch({ schedule: { maxRuns: 1 } })),
    isBounded: true,
    after: ['maxRunsReached'],
  },
];

const WITH_WORKER: Case[] = [
  { name: 'two other schedules in a row', steps: onceDue(put({ every: '3s' }), put({ every: '5s' })) },
  { name: 'exclusions', steps: onceDue(patch({ schedule: { exclude: [{ cron: '0-30 * * * * *' }] } })) },
  { name: 'another schedule once its pause was over', steps: afterPause(put({ every: '3s' })) },
  {
    name: 'another pause, a schedule within it and a resumption once its pause was over',
    steps: afterPause(pause, put({ every: '3s' }), resume),
    before: STOPPED,
  },
  { name: 'a deletion once its pause was over', steps: afterPause(remove), before: STOPPED },
];

/** Creates the jobs of some cases, and takes the steps of each. */
function make(cases: Case[], suffix: string): Promise<Map<Case, ChangedJob>> {
  const jobs = cases.map(async (given) => {
    const { name, schedule = { every: '2s' }, policy, takesMs, steps } = given;
    const path = `/${encodeURIComponent(name)}-${suffix}`;
    if (takesMs !== undefined)
      stack.receiver.respond(path, (_, response) => void setTimeout(() => response.end(), takesMs));
    const definition = {
      name: `${name}, ${suffix}`,
      schedule: { timeZone: 'UTC', ...schedule },
      policy: { overlap: 'allowAll', ...policy },
      target: { type: 'http', url: stack.receiver.url + path },
    };
    const created = await api.createJob(definition);
    const job: ChangedJob = {
      id: created.id,
      definition: { ...definition, schedule: created.schedule },
      overAt: 0,
      answeredAt: [],
      releasedAt: 0,
    };
    await steps(api, job);
    return [given, job] as const;
  });
  return Promise.all(jobs).then((made) => new Map(made));
}

async function listRows({ id }: ChangedJob, horizon: number): Promise<Row[]> {
  const { rows } = await stack.db.query<Omit<Row, 'at'> & { at: Date }>(
    `SELECT id AS "runId", scheduled_at AS at, state, reason_code AS "reasonCode", occurrences FROM runs
     WHERE job_id = $1 AND trigger = 'schedule' AND scheduled_at <= $2 ORDER BY scheduled_at`,
    [id, new Date(horizon)],
  );
  return rows.map((row) => ({ ...row, at: row.at.getTime() }));
}

const isSettled = ({ state }: Row) => state !== 'queued' && state !== 'running';

/** Waits until everything up to `horizon` is decided, and compares it with what was due. */
async function check(given: Case, job: ChangedJob, horizon: number): Promise<void> {
  const revisions = (await api.listRevisions(job.id, '?limit=100')).items.reverse();
  const due = dueByRevisions(job.definition, revisions, job.answeredAt, horizon);
  const rows = await waitFor(`all occurrences of ${given.name}`, async () => {
    const found = await listRows(job, horizon);
    const singles = new Set(found.filter(({ occurrences }) => occurrences === null).map(({ at }) => at));
    const isComplete = given.isBounded || due.active.every((instant) => singles.has(instant));
    return isComplete && found.every(isSettled) ? found : undefined;
  });
  const singles = rows.filter(({ occurrences }) => occurrences === null);
  const atChange = singles.filter(({ at }) => due.startedMeanwhile.has(at));
  const own = singles.filter((row) => !atChange.includes(row));
  // None by a definition that was not in force.
  if (given.isBounded) expect(due.active).toEqual(expect.arrayContaining(own.map(({ at }) => at)));
  else expect(own.map(({ at }) => at)).toEqual(due.active.filter((at) => !due.startedMeanwhile.has(at)));
  const changedAt = Date.parse(revisions.findLast(({ by }) => by !== 'pause.until')?.at ?? '');
  // A change holds from when it has the lock, by two clocks of this machine.
  expect(changedAt).toBeGreaterThan(job.releasedAt - 100);
  const { before = ['succeeded'], after = ['succeeded'] } = given;
  const isExpected = ({ at, state, reasonCode }: Row) =>
    // Temporal had started what was due before the pause.
    (at > changedAt ? after : at >= job.overAt ? before : [...before, 'succeeded']).includes(
      state === 'succeeded' ? state : (reasonCode ?? state),
    );
  expect(own.filter((row) => !isExpected(row))).toEqual([]);
  if (!given.isBounded) {
    const startedInPause = atChange.filter(({ at }) => due.paused.includes(at)).length;
    const inPauses = rows.reduce((count, { occurrences }) => count + (occurrences ?? 0), startedInPause);
    expect(inPauses).toBe(due.paused.length);
  }
  // Each run that succeeded made one call, and no other run made any.
  const succeeded = rows.filter(({ state }) => state === 'succeeded').map(({ runId }) => runId);
  const others = new Set(
    (await listRows(job, Date.now())).filter(({ at }) => at > horizon).map(({ runId }) => runId),
  );
  const calledBy = stack.receiver.calls
    .filter(({ headers }) => headers['x-scheduler-job'] === job.id)
    .map(({ headers }) => String(headers['x-scheduler-run']));
  expect(calledBy.filter((runId) => !others.has(runId)).sort()).toEqual(succeeded.sort());
}

const made = new Map<Case, { job: ChangedJob; horizon: number }>();

beforeAll(async () => {
  stack = await createStack('definition-in-force');
  api = apiClient((await stack.startApi()).url);
  const note = (jobs: Map<Case, ChangedJob>) => {
    const horizon = Date.now();
    for (const [given, job] of jobs) made.set(given, { job, horizon });
  };
  note(await make(WITHOUT_WORKER, 'no worker'));
  // The catchup windows of ten seconds pass.
  await sleep(6_000);
  await stack.startWorker();
  note(await make(WITH_WORKER, 'a worker'));
}, 120_000);
afterAll(() => stack.stop());

const checkMade = async (given: Case) => {
  const { job, horizon } = made.get(given) ?? {};
  await check(given, job as ChangedJob, horizon as number);
  await api.deleteJob(job?.id as string).catch(() => undefined);
};

test.concurrent.each(WITHOUT_WORKER)(
  'what was due keeps to its definition without a worker: $name',
  checkMade,
);
test.concurrent.each(WITH_WORKER)('what was due keeps to its definition with a worker: $name', checkMade);
