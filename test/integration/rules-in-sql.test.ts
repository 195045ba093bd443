import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createDatabase, type Database } from '../../db/database.ts';
import * as rules from '../../db/rules.ts';
import { beginRun } from '../../db/runs/begin-run.ts';
import { countRunsSoFar } from '../../db/runs/occurrence-log.ts';
import { removeOldRuns } from '../../db/upkeep/retention.ts';
import { listPausesOver, listUsedUp } from '../../db/upkeep/job-upkeep.ts';
import { countScheduledRuns } from '../../db/runs/runs.ts';
import { isCallInFlight } from '../../domain/run/attempt-holder.ts';
import { hasLimits } from '../../domain/job/limits.ts';
import { Policy } from '../../domain/job/policy.ts';
import { isOpenState, RunState, STATES_WITHOUT_RUN } from '../../domain/run/run-state.ts';
import { Trigger } from '../../domain/run/run.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { decideOccurrence } from '../../scheduling/occurrences/decide-occurrence.ts';
import { isUsedUp } from '../../scheduling/occurrences/due-within-max-runs.ts';
import { isPauseOver } from '../../scheduling/jobs/resumption.ts';
import { fromRunner, TEMPLATE_DATABASE } from '../support/environment.ts';
import { createTestDatabase } from '../support/stack.ts';

// Rules that stand in SQL and in TypeScript (db/rules.ts): both have to decide alike, for every case there is.

let db: Database;
let dropDatabase: () => Promise<void>;

beforeAll(async () => {
  const database = await createTestDatabase('rules-in-sql', TEMPLATE_DATABASE);
  ({ dropDatabase } = database);
  const config = readConfig({
    DATABASE_URL: database.databaseUrl,
    TEMPORAL_ADDRESS: fromRunner('temporalAddress'),
  });
  db = createDatabase(config, createLogger({ level: 'warn', name: 'test' }), 'test');
});
afterAll(async () => {
  await db.destroy();
  await dropDatabase();
});

const NOW = new Date('2026-11-22T09:00:00Z');

interface JobFields {
  policy?: object;
  maxRuns?: number;
  state?: 'active' | 'paused' | 'completed';
  isDeleted?: boolean;
  pausedUntil?: Date;
}

async function insertJob({
  policy = {},
  maxRuns,
  state = 'active',
  isDeleted = false,
  pausedUntil,
}: JobFields = {}) {
  const id = randomUUID();
  await sql`
    WITH revision AS (
      INSERT INTO job_revisions (job_id, generation, at, by, action, changes) VALUES (${id}, 1, ${NOW}, 'test', 'created', '{}')
    )
    INSERT INTO jobs (id, namespace, name, description, labels, schedule, target, policy, retry, state, generation,
                      schedule_generation, schedule_since, accounted_to, sync_after, catchup_seconds, created_at, updated_at,
                      paused_at, paused_until, deleted_at)
    VALUES (${id}, 'default', ${id}, '', '{}', ${JSON.stringify({ every: '1h', maxRuns })}::jsonb, '{}',
            ${JSON.stringify(policy)}::jsonb, '{}', ${state}, 1, 1, ${NOW}, ${NOW}, ${NOW}, 60, ${NOW}, ${NOW},
            ${state === 'paused' ? NOW : null}, ${pausedUntil ?? null}, ${isDeleted ? NOW : null})`.execute(
    db,
  );
  return id;
}

interface RunFields {
  trigger: Trigger;
  state: RunState;
  temporalRunId?: string;
  isStartedByReconciler?: boolean;
}

let minutes = 0;
async function insertRun(
  jobId: string,
  { trigger, state, temporalRunId, isStartedByReconciler = false }: RunFields,
) {
  const id = randomUUID();
  // Two scheduled runs of a job have different nominal times.
  const at = new Date(NOW.getTime() + ++minutes * 60_000);
  await sql`
    INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, state, ended_at, workflow_id, temporal_run_id,
                      made_up)
    VALUES (${id}, ${jobId}, 'default', 1, ${trigger}, ${at}, ${state}, ${isOpenState(state) ? null : NOW}, 'w',
            ${temporalRunId ?? null}, ${isStartedByReconciler})`.execute(db);
  return id;
}

/** Every run that there can be, by trigger and state, and whether Temporal has started it. */
const EVERY_RUN: RunFields[] = Trigger.options.flatMap((trigger) =>
  RunState.options.flatMap((state) => [
    { trigger, state, temporalRunId: 'r' },
    ...(state === 'running' ? [] : [{ trigger, state }]),
  ]),
);

const hasRun = ({ state }: RunFields) => !(STATES_WITHOUT_RUN as readonly RunState[]).includes(state);
const counts = (run: RunFields) => run.trigger === 'schedule' && hasRun(run);
const isUnstarted = ({ state, temporalRunId }: RunFields) =>
  state === 'queued' && temporalRunId === undefined;

test('a call is in flight by the rule of TypeScript', async () => {
  const jobId = await insertJob();
  for (const state of ['queued', 'running', 'succeeded'] as const)
    for (const number of [undefined, 0, 1, 2])
      for (const count of [0, 1]) {
        const id = await insertRun(jobId, { trigger: 'manual', state, temporalRunId: 'r' });
        const attempts = JSON.stringify(Array.from({ length: count }, () => ({})));
        const holder = number === undefined ? null : JSON.stringify({ number, token: 7 });
        await sql`UPDATE runs SET attempts = ${attempts}, holder = ${holder} WHERE id = ${id}`.execute(db);
        const { rows } = await sql<{ found: boolean }>`
          SELECT ${rules.IS_CALL_IN_FLIGHT} AS found FROM runs WHERE id = ${id}`.execute(db);
        const run = await db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
        expect([state, number, count, rows[0]?.found]).toEqual([state, number, count, isCallInFlight(run)]);
      }
});

test('the rules of one run are those of TypeScript', async () => {
  const jobId = await insertJob();
  const wrong: unknown[] = [];
  for (const run of EVERY_RUN) {
    const id = await insertRun(jobId, run);
    const { rows } = await sql<Record<string, boolean>>`
      SELECT ${rules.IS_RUN} AS "isRun", ${rules.COUNTS_FOR_MAX_RUNS} AS counts, ended_at IS NULL AS "isOpen",
             ${rules.IS_UNSTARTED} AS "isUnstarted", ${rules.IS_UNSTARTED_OCCURRENCE} AS "isUnstartedOccurrence"
      FROM runs WHERE id = ${id}`.execute(db);
    const expected = {
      isRun: hasRun(run),
      counts: counts(run),
      isOpen: isOpenState(run.state),
      isUnstarted: isUnstarted(run),
      isUnstartedOccurrence: isUnstarted(run) && run.trigger === 'schedule',
    };
    try {
      expect(rows[0]).toEqual(expected);
    } catch {
      wrong.push({ run, found: rows[0], expected });
    }
  }
  expect(wrong).toEqual([]);
});

test('a job without any open run is one whose runs have all ended', async () => {
  const wrong: unknown[] = [];
  for (const run of EVERY_RUN) {
    const jobId = await insertJob();
    await insertRun(jobId, { trigger: 'manual', state: 'succeeded' });
    await insertRun(jobId, run);
    const { rows } = await sql<{ isQuiet: boolean }>`
      SELECT ${rules.HAS_NO_OPEN_RUN} AS "isQuiet" FROM jobs WHERE id = ${jobId}`.execute(db);
    if (rows[0]?.isQuiet !== !isOpenState(run.state)) wrong.push(run);
  }
  expect(wrong).toEqual([]);
});

test('a policy has limits in SQL if it has in TypeScript', async () => {
  const rateLimit = { max: 3, per: '1m' };
  const policies = [
    {},
    { maxConcurrent: 1 },
    { rateLimit },
    { maxConcurrent: 1, rateLimit },
    { maxConcurrent: 1, concurrencyKey: 'key' },
  ].map((policy) => Policy.parse(policy));
  for (const policy of policies) {
    const { rows } = await sql<{ found: boolean }>`
      SELECT ${rules.HAS_LIMITS} AS found FROM jobs WHERE id = ${await insertJob({ policy })}`.execute(db);
    expect({ policy, found: rows[0]?.found }).toEqual({ policy, found: hasLimits(policy) });
  }
});

test('runs count for maxRuns alike wherever they are counted, before and after retention has removed them', async () => {
  const maxRuns = EVERY_RUN.filter(counts).length;
  const jobId = await insertJob({ maxRuns });
  for (const run of EVERY_RUN) await insertRun(jobId, run);
  const countedAlike = async () => {
    const soFar = await countRunsSoFar(db, jobId);
    const listed = (await countScheduledRuns(db, [jobId])).get(jobId);
    expect(soFar.counted).toBe(listed);
    return listed;
  };
  expect(await countedAlike()).toBe(maxRuns);
  await removeOldRuns(db, new Date(NOW.getTime() + 1), 1_000);
  expect(await countedAlike()).toBe(maxRuns);
});

test('maxRuns are used up in SQL when they are in TypeScript, for a job without any open run', async () => {
  for (const maxRuns of [1, 2, 3]) {
    const jobId = await insertJob({ maxRuns });
    for (const state of ['succeeded', 'skipped', 'failed'] as const)
      await insertRun(jobId, { trigger: 'schedule', state, temporalRunId: 'r' });
    const listed = await listUsedUp(db, new Date(0), NOW, 1_000);
    const found = listed.some(({ id }) => id === jobId);
    expect({ maxRuns, found }).toEqual({
      maxRuns,
      found: isUsedUp(await countRunsSoFar(db, jobId), maxRuns),
    });
  }
});

test('a pause is over in SQL when it is in TypeScript, for a job that is not deleted', async () => {
  const wrong: unknown[] = [];
  for (const state of ['active', 'paused', 'completed'] as const)
    for (const isDeleted of [false, true])
      for (const sinceMs of [undefined, -1, 0, 1]) {
        const pausedUntil = sinceMs === undefined ? undefined : new Date(NOW.getTime() - sinceMs);
        const fields = { state, isDeleted, ...(pausedUntil ? { pausedUntil } : {}) };
        const id = await insertJob(fields);
        const found = (await listPausesOver(db, NOW, 1_000)).some((job) => job.id === id);
        const expected = !isDeleted && isPauseOver({ state, paused_until: pausedUntil ?? null }, NOW);
        if (found !== expected) wrong.push({ ...fields, found, expected });
      }
  expect(wrong).toEqual([]);
});

test('an occurrence begins, waits or is skipped in SQL as the reconciler decides', async () => {
  const wrong: unknown[] = [];
  for (const overlap of Policy.shape.overlap.unwrap().options)
    for (const job of ['active', 'paused', 'deleted'] as const)
      for (const hasOpen of [false, true]) {
        const jobId = await insertJob({
          policy: { overlap },
          state: job === 'paused' ? 'paused' : 'active',
          isDeleted: job === 'deleted',
        });
        const running = { trigger: 'schedule', state: 'running', temporalRunId: 'r' } as const;
        if (hasOpen) await insertRun(jobId, { ...running, isStartedByReconciler: true });
        const id = await insertRun(jobId, { trigger: 'schedule', state: 'queued' });
        const scheduledAt = new Date(NOW.getTime() + minutes * 60_000);
        const begun = await beginRun(db, {
          id,
          jobId,
          trigger: 'schedule',
          generation: 1,
          scheduledAt,
          startedAt: scheduledAt,
          workflowId: 'w',
          temporalRunId: 'r',
          deadline: undefined,
          attempt: undefined,
        });
        const { rows } = await sql<{ code: string | null }>`
          SELECT reason_code AS code FROM runs WHERE id = ${id}`.execute(db);
        const decision = decideOccurrence({
          scheduledAt: scheduledAt.getTime(),
          now: scheduledAt.getTime(),
          overlap,
          catchupWindowMs: 60_000,
          jitterMs: 0,
          skip: undefined,
          schedulePutAt: undefined,
          job,
          wasOverlapped: hasOpen,
          wasWaitedFor: false,
          hasLater: false,
          hasOpen,
          isUsedUp: false,
          buffered: 0,
        });
        const expected =
          decision.kind === 'end'
            ? { state: decision.state, code: decision.reasonCode }
            : { state: decision.kind === 'wait' ? 'queued' : 'running', code: null };
        const found = { state: begun?.state, code: rows[0]?.code };
        if (!isDeepStrictEqual(found, expected)) wrong.push({ overlap, job, hasOpen, found, expected });
      }
  expect(wrong).toEqual([]);
});
