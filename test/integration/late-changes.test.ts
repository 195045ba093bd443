import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createDatabase, type Database } from '../../db/database.ts';
import { findInForce, findJobOrTombstone } from '../../db/jobs/jobs.ts';
import { listRevisions } from '../../db/jobs/revisions.ts';
import type { JobRow } from '../../db/schema.ts';
import { JobInput } from '../../domain/job/job.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { createSecretBox } from '../../platform/secret-box.ts';
import type { JobChange } from '../../scheduling/jobs/job-change.ts';
import { definitionOf } from '../../scheduling/jobs/job-definition.ts';
import { resumption } from '../../scheduling/jobs/resumption.ts';
import { storeJobChange, storeNewJob, type Writer } from '../../scheduling/jobs/store-job.ts';
import { materializeDue } from '../../scheduling/occurrences/occurrence-log.ts';
import { dueByRevisions } from '../support/due-by-revisions.ts';
import { fromRunner } from '../support/environment.ts';
import { createStack, type Stack } from '../support/stack.ts';

// What the occurrence log of a job holds after changes that nobody had materialized anything before. No process runs, so
// that every row is known to the instant. definition-in-force.test.ts has processes.

const logger = createLogger({ level: 'warn', name: 'test' });
/** Half a second past a minute that is over: no change comes at an occurrence. */
const START = Math.floor(Date.now() / 60_000) * 60_000 - 600_000 + 500;
const HORIZON_S = 40;

let stack: Stack;
let db: Database;
let writerAt: (seconds: number) => Writer;

beforeAll(async () => {
  stack = await createStack('late-changes');
  const config = readConfig({
    DATABASE_URL: stack.databaseUrl,
    TEMPORAL_ADDRESS: fromRunner('temporalAddress'),
  });
  db = createDatabase(config, logger, 'test');
  const secrets = createSecretBox(config.SECRET_KEYS);
  writerAt = (seconds) => ({ by: 'test', now: at(seconds), secrets, taskQueue: 'scheduler' });
});
afterAll(async () => {
  await db.destroy();
  await stack.stop();
});

const at = (seconds: number) => new Date(START + seconds * 1_000);

type Decide = (job: JobRow, now: Date) => JobChange;

const changeTo =
  (change: { schedule?: object; policy?: object }): Decide =>
  (job) => {
    const { schedule, policy, ...rest } = definitionOf(job);
    const definition = {
      ...rest,
      schedule: { ...schedule, ...change.schedule },
      policy: { ...policy, ...change.policy },
    } as unknown as JobInput;
    return { action: 'changed', definition };
  };
const pauseUntil =
  (seconds?: number): Decide =>
  () => ({
    action: 'paused',
    state: 'paused',
    pause: { reason: 'test', until: seconds === undefined ? null : at(seconds) },
  });
const pauseInVain = pauseUntil(7);
const everyThree = changeTo({ schedule: { every: '3s' } });

async function makeJob(schedule: object): Promise<JobRow> {
  const id = randomUUID();
  const definition = JobInput.parse({
    name: id,
    schedule: { timeZone: 'UTC', ...schedule },
    target: { type: 'http', url: 'https://example.com/' },
  });
  return storeNewJob(db, { id, namespace: 'default', definition }, writerAt(0));
}

async function change({ id }: JobRow, seconds: number, decide: Decide): Promise<JobRow> {
  const writer = writerAt(seconds);
  const stored = await storeJobChange(db, { id }, writer, (job) =>
    // Its pause may be over already.
    decide === resume && job.state === 'active' ? undefined : decide(job, writer.now),
  );
  return stored?.job as JobRow;
}
const resume: Decide = resumption;

test.each<[string, Decide[], object?]>([
  ['another schedule and the first one again', [everyThree, changeTo({ schedule: { every: '2s' } })]],
  ['exclusions', [changeTo({ schedule: { exclude: [{ cron: '0-30 * * * * *' }] } })]],
  [
    'another time zone',
    [changeTo({ schedule: { timeZone: 'Asia/Tokyo' } })],
    { cron: `*/2 * ${at(0).getUTCHours()} * * *` },
  ],
  ['a later start', [changeTo({ schedule: { startAt: '2090-01-01T00:00:00Z' } })]],
  ['another schedule once its pause was over', [pauseInVain, everyThree]],
  [
    'a later start once its pause was over',
    [pauseInVain, changeTo({ schedule: { startAt: '2090-01-01T00:00:00Z' } })],
  ],
  ['a resumption once its pause was over', [pauseInVain, resume]],
  ['another pause, a schedule within it and a resumption', [pauseInVain, pauseUntil(), everyThree, resume]],
  ['two pauses that pass', [pauseInVain, pauseUntil(17), everyThree]],
  ['a deletion once its pause was over', [pauseInVain, () => ({ action: 'deleted', isDeleted: true })]],
])('the occurrence log holds what each definition was due for: %s', async (_, changes, schedule) => {
  const job = await makeJob(schedule ?? { every: '2s' });
  // The first change comes at 4 s, the others at 13, 22 and 31 s.
  for (const [index, decide] of changes.entries()) await change(job, 4 + 9 * index, decide);
  const horizon = at(HORIZON_S);
  await sql`UPDATE jobs SET account_at = ${horizon} WHERE id = ${job.id} AND account_at IS NOT NULL`.execute(
    db,
  );
  await materializeDue({ db, logger }, { now: at(HORIZON_S + 11), isOver: () => false }, 100);

  const revisions = (await listRevisions(db, { jobId: job.id, limit: 100 }))
    .reverse()
    .map((revision) => ({ ...revision, at: revision.at.toISOString() }));
  const due = dueByRevisions(definitionOf(job), revisions, [], horizon.getTime());
  const { rows } = await stack.db.query<{ at: Date; occurrences: number | null }>(
    'SELECT scheduled_at AS at, occurrences FROM runs WHERE job_id = $1 AND scheduled_at <= $2 ORDER BY scheduled_at',
    [job.id, horizon],
  );
  const singles = rows.filter(({ occurrences }) => occurrences === null);
  expect(singles.map((row) => row.at.getTime())).toEqual(due.active);
  expect(rows.reduce((count, { occurrences }) => count + (occurrences ?? 0), 0)).toBe(due.paused.length);
});

test('an occurrence has the schedule and the policy that were in force at its nominal time', async () => {
  const job = await makeJob({ every: '2s' });
  await change(job, 10, changeTo({ policy: { overlap: 'bufferAll', catchupWindow: '10s' } }));
  await change(job, 20, changeTo({ schedule: { every: '3s', maxRuns: 9 } }));
  await change(job, 30, changeTo({ policy: { overlap: 'allowAll' } }));
  const now = (await findJobOrTombstone(db, job.id)) as JobRow;
  const inForce = await Promise.all(
    [9, 11, 19, 21, 29, 31].map(async (seconds) => {
      const { schedule, policy } = await findInForce(db, now, at(seconds));
      return [seconds, policy.overlap, policy.catchupWindow, schedule.maxRuns];
    }),
  );
  expect(inForce).toEqual([
    [9, 'skip', '1h', undefined],
    [11, 'bufferAll', '10s', undefined],
    [19, 'bufferAll', '10s', undefined],
    [21, 'bufferAll', '10s', 9],
    [29, 'bufferAll', '10s', 9],
    [31, 'allowAll', '10s', 9],
  ]);
});
