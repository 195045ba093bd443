import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createDatabase, type Database } from '../../db/database.ts';
import { abandonAttempt, noteLateReport } from '../../db/runs/attempt-holder.ts';
import { beginRun, type AttemptToBegin, type BegunRun } from '../../db/runs/begin-run.ts';
import { grantPermits, requestPermit, startPermit } from '../../db/runs/permits.ts';
import { CANCELLED, endRun, recordAttempt, type RunEnd } from '../../db/runs/run-progress.ts';
import { isCallInFlight, listCalls } from '../../domain/run/attempt-holder.ts';
import type { RecordedAttempt } from '../../domain/run/run.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { fromRunner, TEMPLATE_DATABASE } from '../support/environment.ts';
import { createTestDatabase } from '../support/stack.ts';

// Who may record an attempt and release its permit, when several workers have begun it: db/runs/attempt-holder.ts.

let db: Database;
let dropDatabase: () => Promise<void>;

beforeAll(async () => {
  const database = await createTestDatabase('attempt-holders', TEMPLATE_DATABASE);
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

async function insertJob(policy: object = {}, target: object = { type: 'http' }): Promise<string> {
  const id = randomUUID();
  await sql`
    WITH revision AS (
      INSERT INTO job_revisions (job_id, generation, at, by, action, changes) VALUES (${id}, 1, ${NOW}, 'test', 'created', '{}')
    )
    INSERT INTO jobs (id, namespace, name, description, labels, schedule, target, policy, retry, state, generation,
                      schedule_generation, schedule_since, accounted_to, sync_after, catchup_seconds, created_at, updated_at)
    VALUES (${id}, 'default', ${id}, '', '{}', '{"every": "1h"}', ${JSON.stringify(target)}::jsonb,
            ${JSON.stringify({ overlap: 'skip', ...policy })}::jsonb, '{}', 'active', 1, 1, ${NOW}, ${NOW}, ${NOW}, 60, ${NOW}, ${NOW})`.execute(
    db,
  );
  return id;
}

interface Begin {
  id?: string;
  trigger?: 'manual' | 'schedule';
  temporalRunId?: string;
  scheduledAt?: Date;
  attempt?: Partial<AttemptToBegin> | undefined;
}

/** Begins a run, for an attempt that follows at once unless it says otherwise. */
async function begin(jobId: string, more: Begin = {}): Promise<BegunRun> {
  const { id = randomUUID(), temporalRunId = 'workflow-1', trigger = 'manual', scheduledAt = NOW } = more;
  const begun = await beginRun(db, {
    id,
    jobId,
    trigger,
    generation: 1,
    scheduledAt,
    startedAt: new Date(),
    workflowId: `run-${id}`,
    temporalRunId,
    deadline: undefined,
    attempt:
      'attempt' in more && more.attempt === undefined
        ? undefined
        : { isLocal: false, madeNumber: undefined, mayBeHeld: false, ...more.attempt },
  });
  if (!begun || begun.state === 'outdated') throw new Error('not begun');
  return begun;
}

const tokenOf = ({ holder }: Pick<BegunRun, 'holder'>) => holder?.token ?? 0;

const attempt = (more: Partial<RecordedAttempt> = {}): RecordedAttempt => ({
  number: 1,
  startedAt: NOW.toISOString(),
  endedAt: NOW.toISOString(),
  outcome: 'succeeded',
  statusCode: 200,
  error: null,
  responseExcerpt: 'ok',
  retryAt: null,
  ...more,
});
const END: RunEnd = { state: 'succeeded', reason: null, reasonCode: null };

const read = (id: string) => db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

describe('the holder of an attempt', () => {
  test('is whoever began it last: its record counts, and a late one is noted beside the lost call', async () => {
    const job = await insertJob();
    const first = await begin(job);
    const second = await begin(job, { id: first.id });
    expect(tokenOf(first)).toBeGreaterThan(NOW.getTime());
    expect(tokenOf(second)).toBeGreaterThan(tokenOf(first));
    expect(Number.isSafeInteger(tokenOf(second))).toBe(true);

    const late = attempt({ outcome: 'cancelled', statusCode: null, error: 'the run was ended in Temporal' });
    expect(await recordAttempt(db, first.id, late, undefined, { token: tokenOf(first) })).toBe(false);
    expect(await read(first.id)).toMatchObject({ state: 'running', attempts: [] });
    await noteLateReport(db, first.id, tokenOf(first), late);
    expect(await recordAttempt(db, first.id, attempt(), END, { token: tokenOf(second) })).toBe(true);
    // Once more, as after a lost answer.
    expect(await recordAttempt(db, first.id, attempt(), END, { token: tokenOf(second) })).toBe(false);

    const run = await read(first.id);
    expect(run).toMatchObject({ state: 'succeeded', attempts: [{ number: 1, outcome: 'succeeded' }] });
    const [lost, made] = listCalls(run);
    expect(lost).toMatchObject({ number: 1, outcome: 'lost', startedAt: first.holder?.startedAt });
    expect(lost?.error).toMatch(
      /^the worker was stopped or lost .*; its worker reported later: cancelled, the run was/,
    );
    expect(made).toMatchObject({ number: 1, outcome: 'succeeded' });
    expect(listCalls(run)).toHaveLength(2);
  });

  test('of each attempt has a larger token than that of the one before', async () => {
    const job = await insertJob();
    let run = await begin(job);
    // As if the clock of Postgres had been set back by a day since.
    await sql`UPDATE runs SET holder = jsonb_set(holder, '{token}', to_jsonb(${tokenOf(run) + 86_400_000_000}::bigint))
              WHERE id = ${run.id}`.execute(db);
    for (const number of [1, 2, 3]) {
      const before = tokenOf(await read(run.id));
      run = await begin(job, { id: run.id });
      expect(tokenOf(run)).toBe(before + 1);
      expect(run.holder?.number).toBe(number);
      const failed = attempt({ number, outcome: 'failed', retryAt: NOW.toISOString() });
      expect(await recordAttempt(db, run.id, failed, undefined, { token: tokenOf(run) })).toBe(true);
      const next = { ...failed, number: number + 1 };
      expect(await recordAttempt(db, run.id, next, END, { token: before })).toBe(false);
    }
    expect(listCalls(await read(run.id)).map(({ outcome }) => outcome)).toEqual([
      'lost',
      'failed',
      'failed',
      'failed',
    ]);
  });

  test('stays the same when the run is only read, when its result is to be recorded, and before a local activity repeats', async () => {
    const job = await insertJob();
    const first = await begin(job);
    for (const other of [{ attempt: undefined }, { attempt: { madeNumber: 1 } }])
      expect(tokenOf(await begin(job, { id: first.id, ...other }))).toBe(tokenOf(first));
    const failed = attempt({ outcome: 'failed', retryAt: NOW.toISOString() });
    await recordAttempt(db, first.id, failed, undefined, { token: tokenOf(first) });
    expect(tokenOf(await begin(job, { id: first.id, attempt: { isLocal: true } }))).toBe(tokenOf(first));
    expect((await read(first.id)).lost_calls).toEqual([]);
  });

  test('that makes no call after all leaves no lost one, nor does one that delegates', async () => {
    const job = await insertJob();
    const first = await begin(job);
    expect(isCallInFlight({ ...first, ended_at: null })).toBe(true);
    await abandonAttempt(db, first.id, tokenOf(first));
    const second = await begin(job, { id: first.id });
    // Too late: there is another holder.
    await abandonAttempt(db, first.id, tokenOf(first));
    expect(isCallInFlight(await read(first.id))).toBe(true);
    expect([second.holder?.number, (await read(first.id)).lost_calls]).toEqual([1, []]);

    const delegating = await insertJob({}, { type: 'workflow' });
    const { id } = await begin(delegating);
    await begin(delegating, { id });
    expect((await read(id)).lost_calls).toEqual([]);
  });

  test('of a run that is ended leaves a lost call, unless it made none', async () => {
    const end = async (id: string) => {
      await endRun(db, id, CANCELLED, new Date());
      // Once more, as after a lost answer.
      await endRun(db, id, CANCELLED, new Date());
      return listCalls(await read(id));
    };
    const job = await insertJob();
    const begun = await begin(job);
    const [lost, ...others] = await end(begun.id);
    expect(lost).toMatchObject({
      number: 1,
      outcome: 'lost',
      startedAt: begun.holder?.startedAt,
      retryAt: null,
    });
    expect([lost?.error, others]).toEqual([expect.stringMatching(/^the run was ended before/), []]);
    expect(await recordAttempt(db, begun.id, attempt(), END, { token: tokenOf(begun) })).toBe(false);
    await noteLateReport(db, begun.id, tokenOf(begun), attempt());
    const [reported] = listCalls(await read(begun.id));
    expect(reported).toMatchObject({ outcome: 'lost', statusCode: 200 });
    expect(reported?.error).toMatch(/; its worker reported later: succeeded$/);

    const delegating = await begin(await insertJob({}, { type: 'workflow' }));
    expect(await end(delegating.id)).toMatchObject([{ number: 1, outcome: 'lost' }]);

    const retrying = await begin(job);
    const failed = attempt({ outcome: 'failed', retryAt: NOW.toISOString() });
    await recordAttempt(db, retrying.id, failed, undefined, { token: tokenOf(retrying) });
    const abandoned = await begin(job);
    await abandonAttempt(db, abandoned.id, tokenOf(abandoned));
    const [outcomes, none] = [await end(retrying.id), await end(abandoned.id)];
    expect([outcomes.map(({ outcome }) => outcome), none]).toEqual([['failed'], []]);
  });

  test('is not asked for from workers of earlier versions', async () => {
    const job = await insertJob();
    const { id } = await begin(job);
    expect(await recordAttempt(db, id, attempt(), END, {})).toBe(true);
    // Nor by a run that such a worker began.
    const other = await begin(job, { attempt: undefined });
    expect(other.holder).toBeNull();
    expect(await recordAttempt(db, other.id, attempt(), END, { token: 7 })).toBe(true);
  });
});

describe('a permit', () => {
  const limits = (scope: string) => ({
    scope,
    shared: '',
    maxConcurrent: 1,
    rateMax: undefined,
    ratePerMs: undefined,
  });
  const holder = () => ({ startedAt: new Date(), temporalRunId: 'workflow-1', isDelegated: false });
  const acquire = (scope: string, runId: string) =>
    db.transaction().execute(async (transaction) => {
      await requestPermit(transaction, runId, limits(scope));
      await grantPermits(transaction, scope);
      return startPermit(transaction, runId, holder());
    });
  const held = async (scope: string) =>
    (
      await sql<{ token: string }>`
        SELECT token FROM permits WHERE scope = ${scope} AND granted_at IS NOT NULL AND released_at IS NULL`.execute(
        db,
      )
    ).rows.map(({ token }) => Number(token));

  test('is released by its holder alone', async () => {
    const job = await insertJob({ maxConcurrent: 1 });
    const { id } = await begin(job);
    const first = await acquire('one', id);
    await begin(job, { id, attempt: undefined });
    // The worker is taken for dead, and another one begins the attempt.
    const second = await acquire('one', id);
    expect(second).toBeGreaterThan(first ?? Infinity);
    const late = attempt({ outcome: 'cancelled' });
    expect(await recordAttempt(db, id, late, undefined, { token: first })).toBe(false);
    expect(await held('one')).toEqual([second]);
    const { id: other } = await begin(job);
    expect(await acquire('one', other)).toBeUndefined();
    expect(await recordAttempt(db, id, attempt(), END, { token: second })).toBe(true);
    expect(await held('one')).toEqual([]);
    expect((await read(id)).lost_calls).toMatchObject([{ token: first, number: 1 }]);
  });

  test('is released by its holder though the run was ended meanwhile', async () => {
    const job = await insertJob({ maxConcurrent: 1 });
    const { id } = await begin(job);
    const token = await acquire('ended', id);
    await sql`UPDATE runs SET state = 'cancelled', ended_at = now() WHERE id = ${id}`.execute(db);
    expect(await recordAttempt(db, id, attempt(), END, { token })).toBe(false);
    expect(await held('ended')).toEqual([]);
  });

  test('has a larger token than every permit of its scope before', async () => {
    const job = await insertJob({ maxConcurrent: 1 });
    let before = 0;
    for (let count = 0; count < 3; count++) {
      const { id } = await begin(job);
      const token = (await acquire('grows', id)) ?? 0;
      expect(token).toBeGreaterThan(before);
      await begin(job, { id, attempt: undefined });
      await recordAttempt(db, id, attempt(), END, { token });
      // As if the clock of Postgres were set back by a second after each.
      before = token + 1_000_000;
      await sql`UPDATE permits SET token = ${before} WHERE run_id = ${id}`.execute(db);
    }
  });
});

describe('a run waits for a call that Temporal has given up', () => {
  test('of its own former workflow, but no longer than that may be in flight', async () => {
    const job = await insertJob();
    const { id } = await begin(job);
    const held = await begin(job, { id, temporalRunId: 'workflow-2', attempt: { mayBeHeld: true } });
    expect([held.isHeld, held.holder?.temporalRunId]).toEqual([true, 'workflow-1']);
    const later = await begin(job, { id, temporalRunId: 'workflow-2' });
    expect([later.isHeld, later.holder?.temporalRunId]).toEqual([false, 'workflow-2']);
    // An activity of the same workflow begins after the heartbeat timeout of the one before.
    expect(await begin(job, { id, temporalRunId: 'workflow-2', attempt: { mayBeHeld: true } })).toMatchObject(
      { isHeld: false },
    );
  });

  test('of the run before, which terminateOther ended', async () => {
    const at = (second: number) => new Date(NOW.getTime() + second * 1_000);
    for (const overlap of ['terminateOther', 'allowAll']) {
      const job = await insertJob({ overlap });
      const common = { trigger: 'schedule', attempt: { mayBeHeld: true } } as const;
      const first = await begin(job, { ...common, scheduledAt: at(1) });
      const second = { ...common, id: randomUUID(), scheduledAt: at(2), temporalRunId: 'workflow-2' };
      const isHeld = overlap === 'terminateOther';
      expect(await begin(job, second)).toMatchObject({ isHeld, state: isHeld ? 'queued' : 'running' });
      await recordAttempt(db, first.id, attempt({ outcome: 'cancelled' }), undefined, {
        token: tokenOf(first),
      });
      const begun = await begin(job, second);
      expect(begun).toMatchObject({ isHeld: false, state: 'running', holder: { number: 1 } });
    }
  });
});
