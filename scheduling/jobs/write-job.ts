import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../db/database.ts';
import { inTransaction } from '../../db/in-transaction.ts';
import { insertJob, lockJob, updateJob } from '../../db/jobs/jobs.ts';
import { insertRevision } from '../../db/jobs/revisions.ts';
import type { JobUpdate, JobRow } from '../../db/schema.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import type { JobInput, StoredDefinition } from '../../domain/job/job.ts';
import { lastOccurrence } from '../../domain/schedule/last-occurrence.ts';
import type { Origin } from '../../domain/run/origin.ts';
import { extractSecrets, type ExtractedSecrets } from '../../domain/job/extract-secrets.ts';
import { usesLocalActivity } from '../../domain/job/run-workflow.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import { findChanges } from './find-changes.ts';
import { columnsOf, definitionOf, rowOf } from './job-definition.ts';
import { storeSecrets } from './job-secrets.ts';
import type { JobChange, StoredChange } from './job-change.ts';
import { nextMaterializeAt, materializeUntil } from '../occurrences/occurrence-log.ts';
import { nextRunAtOf } from '../occurrences/next-runs.ts';
import { INLINE_GRACE_MS } from '../schedules/sync.ts';
import { refuseOwnQueues } from '../temporal/task-queues.ts';

/** Who writes, and when, with what secrets are encrypted, and the task queue of this service, which is no target. */
export interface Writer {
  by: string;
  /** The request that writes; a change that none asked for leaves that of the last one. */
  origin?: Origin;
  now: Date;
  secrets: SecretBox;
  taskQueue: string;
}

/**
 * Stores a new job, its first generation, at once: in the caller's transaction, if there is one.
 * @throws SchedulerError `name_taken`, or `invalid` for what only this installation can not take
 */
export async function createJobRow(
  db: Database,
  job: { id: string; namespace: string; definition: JobInput },
  { by, origin, now, secrets, taskQueue }: Writer,
): Promise<JobRow> {
  refuseOwnQueues(job.definition.target, taskQueue);
  const taken = extractSecrets(job.definition);
  const { definition } = taken;
  const row: JobRow = {
    id: job.id,
    namespace: job.namespace,
    ...rowOf(definition),
    finishes_at: finishesAt(definition, now),
    next_run_at: nextRunAtOf({ schedule: definition.schedule, state: 'active' }, now),
    state: 'active',
    ...notPaused,
    generation: 1,
    schedule_generation: 1,
    schedule_since: now,
    accounted_to: now,
    account_at: nextMaterializeAt(
      { schedule: definition.schedule, state: 'active', paused_at: null },
      now,
      now,
    ),
    observed_generation: 0,
    schedule_put_at: null,
    spec_hash: null,
    spec_version: null,
    sync_after: new Date(now.getTime() + INLINE_GRACE_MS),
    sync_attempts: 0,
    sync_error: null,
    consecutive_failures: 0,
    is_alerted: false,
    runs_removed: 0,
    created_at: now,
    updated_at: now,
    deleted_at: null,
    origin: origin ?? null,
  };
  const revision = { jobId: job.id, generation: 1, at: now, by, action: 'created' as const, changes: {} };
  if (hasSecrets(taken))
    await inTransaction(db, async (transaction) => {
      await insertJob(transaction, row, revision);
      await storeSecrets(transaction, job.id, taken, secrets);
    });
  else await insertJob(db, row, revision);
  return row;
}

/**
 * Changes a job: one transaction with the row, its next generation, its revision, and a run for every occurrence that
 * was due until now. `decide` sees the locked row and says what to do; undefined: nothing. Returns the job as it then
 * is, and undefined if there is none.
 * @throws SchedulerError `name_taken`, `invalid` for secrets that can not be stored, and whatever `decide` throws; then nothing has changed
 */
export function writeJob(
  db: Database,
  place: { id: string; namespace?: string },
  { by, origin, now: asked, secrets, taskQueue }: Writer,
  decide: (job: JobRow) => JobChange | undefined,
): Promise<{ job: JobRow; changed: boolean } | undefined> {
  return db.transaction().execute(async (transaction) => {
    const job = await lockJob(transaction, place);
    if (!job) return undefined;
    const decided = decide(job);
    if (!decided) return { job, changed: false };
    if (decided.definition) refuseOwnQueues(decided.definition.target, taskQueue);
    const taken = decided.definition && extractSecrets(decided.definition);
    const write: StoredChange = { ...decided, definition: taken?.definition };
    // Whoever had to wait for the lock must not turn back the time of who held it.
    const now = new Date(Math.max(asked.getTime(), job.updated_at.getTime()));
    const since = write.since ?? now;

    const generation = job.generation + 1;
    const change = toChange(job, write, by, now);
    const touched = touchesSchedule(job, write);
    if (touched) await materializeUntil(transaction, job, { until: since, now });
    const state = write.state ?? job.state;
    const schedule = write.definition?.schedule ?? job.schedule;
    const paused_at = state === 'paused' ? (job.paused_at ?? now) : null;
    const written = await updateJob(transaction, job, {
      ...change,
      generation,
      updated_at: now,
      ...(origin ? { origin: JSON.stringify(origin) } : {}),
      sync_after: new Date(now.getTime() + INLINE_GRACE_MS),
      sync_attempts: 0,
      sync_error: null,
      ...(touched
        ? {
            schedule_generation: generation,
            schedule_since: since,
            accounted_to: since,
            account_at: write.isDeleted
              ? null
              : nextMaterializeAt({ schedule, state, paused_at }, since, now),
            next_run_at: nextRunAtOf({ schedule, state }, now),
          }
        : // Temporal holds nothing of what changed, so what it matched it still matches.
          job.observed_generation === job.generation
          ? { observed_generation: generation }
          : {}),
    });
    if (taken && (hasSecrets(taken) || hasSecrets(extractSecrets(definitionOf(job)))))
      await storeSecrets(transaction, job.id, taken, secrets);
    await insertRevision(transaction, {
      jobId: job.id,
      generation,
      at: now,
      by,
      action: write.action,
      changes: findChanges(job, write, taken?.given ?? []),
    });
    return { job: written, changed: true };
  });
}

const hasSecrets = ({ given, kept }: ExtractedSecrets) => given.length + kept.length > 0;

const notPaused = { pause_reason: null, paused_by: null, paused_at: null, paused_until: null };

/** When a schedule will have had its last occurrence; null: never. */
function finishesAt({ schedule }: StoredDefinition, now: Date): Date | null {
  const last = lastOccurrence(compileSchedule(schedule), now.getTime());
  return last === undefined ? null : new Date(last);
}

function toChange(
  job: JobRow,
  { definition, state, pause, isDeleted }: StoredChange,
  by: string,
  now: Date,
): JobUpdate {
  const paused = pause && {
    pause_reason: pause.reason,
    paused_by: by,
    paused_until: pause.until,
  };
  return {
    ...(definition ? { ...columnsOf(definition), finishes_at: finishesAt(definition, now) } : {}),
    // Of a schedule that has had its last occurrence there is none after now, and it is to be completed still.
    ...(definition && isDeepStrictEqual(definition.schedule, job.schedule)
      ? { finishes_at: job.finishes_at }
      : {}),
    ...(state === undefined ? {} : { state }),
    ...(state === 'paused' ? { paused_at: now } : {}),
    ...(state === 'active' ? { ...notPaused, consecutive_failures: 0 } : {}),
    ...(state === 'completed' ? notPaused : {}),
    ...paused,
    ...(isDeleted ? { deleted_at: now } : {}),
  };
}

/** Tells whether a change concerns anything that the Temporal Schedule holds (schedule-options.ts). */
function touchesSchedule(job: JobRow, { definition, state, pause, isDeleted }: StoredChange): boolean {
  if (isDeleted || pause || (state !== undefined && state !== job.state)) return true;
  if (!definition) return false;
  return (
    definition.name !== job.name ||
    !isDeepStrictEqual(definition.schedule, job.schedule) ||
    definition.policy.overlap !== job.policy.overlap ||
    definition.policy.catchupWindow !== job.policy.catchupWindow ||
    (definition.timeout ?? null) !== job.timeout ||
    usesLocalActivity(definition) !== usesLocalActivity(job)
  );
}
