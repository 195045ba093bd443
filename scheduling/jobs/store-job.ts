import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../db/database.ts';
import { inTransaction } from '../../db/in-transaction.ts';
import { insertJob, lockJob, updateJob } from '../../db/jobs/jobs.ts';
import { insertRevision } from '../../db/jobs/revisions.ts';
import type { JobUpdate, JobRow } from '../../db/schema.ts';
import type { Source } from '../../domain/job/audit.ts';
import { compileSchedule, type CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import type { EvaluableInput } from '../../domain/job/job.ts';
import type { Origin } from '../../domain/run/origin.ts';
import { extractSecrets, type ExtractedSecrets } from '../../domain/job/extract-secrets.ts';
import { tryCompile } from '../../domain/schedule/try-compile.ts';
import { usesLocalActivity } from '../../domain/job/run-workflow.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import { findChanges } from './find-changes.ts';
import { columnsOf, definitionOf, rowOf } from './job-definition.ts';
import { storeSecrets } from './job-secrets.ts';
import type { JobChange, StoredChange } from './job-change.ts';
import { nextMaterializeAt } from '../occurrences/due-occurrences.ts';
import { materializeUntil } from '../occurrences/occurrence-log.ts';
import { isPauseOver, resumption } from './resumption.ts';
import { finishesAt, scheduleAfter } from './schedule-after.ts';
import { nextRunAtOf } from '../occurrences/next-runs.ts';
import { INLINE_GRACE_MS } from '../schedules/sync.ts';
import { refuseOwnQueues } from '../temporal/task-queues.ts';

/** Who stores a change, and when it was asked for; and what this service checks and encrypts it with. */
export interface Writer {
  by: string;
  /** The request that makes the change. Without one, the origin of the last change stays. */
  origin?: Origin;
  /** Who sent that request, for the audit log. */
  source?: Source;
  now: Date;
  secrets: SecretBox;
  /** The task queue of this service, which must not be a target's. */
  taskQueue: string;
}

/**
 * Stores a new job, its first generation, in the caller's transaction, if there is one.
 * @throws SchedulerError `name_taken`, or `invalid` for a target or secrets that this installation cannot accept
 */
export async function storeNewJob(
  db: Database,
  job: { id: string; namespace: string; definition: EvaluableInput },
  { by, origin, source, now, secrets, taskQueue }: Writer,
): Promise<JobRow> {
  refuseOwnQueues(job.definition.target, taskQueue);
  const extracted = extractSecrets(job.definition);
  const { definition } = extracted;
  const { schedule } = definition;
  const compiled = compileSchedule(schedule);
  const row: JobRow = {
    id: job.id,
    namespace: job.namespace,
    ...rowOf(definition),
    finishes_at: finishesAt(compiled, now),
    next_run_at: nextRunAtOf({ schedule, state: 'active' }, now, compiled),
    state: 'active',
    ...notPaused,
    generation: 1,
    schedule_generation: 1,
    schedule_since: now,
    accounted_to: now,
    account_at: nextMaterializeAt({ schedule, state: 'active', paused_at: null }, now, now, compiled),
    observed_generation: 0,
    schedule_put_at: null,
    spec_hash: null,
    spec_version: null,
    schedule_hash: null,
    listed_hash: null,
    compare_at: null,
    drift_count: 0,
    healed_at: null,
    drift: null,
    sync_after: new Date(now.getTime() + INLINE_GRACE_MS),
    sync_attempts: 0,
    sync_error: null,
    consecutive_failures: 0,
    is_alerted: false,
    ...watched(definition.onLate, now),
    runs_removed: 0,
    created_at: now,
    updated_at: now,
    deleted_at: null,
    origin: origin ?? null,
  };
  const action = 'created' as const;
  const revision = { jobId: job.id, generation: 1, at: now, by, action, changes: {}, source };
  if (hasSecrets(extracted))
    await inTransaction(db, async (transaction) => {
      await insertJob(transaction, row, revision);
      await storeSecrets(transaction, job.id, extracted, secrets);
    });
  else await insertJob(db, row, revision);
  return row;
}

/**
 * Stores a change of a job in one transaction, the caller's if it has one: the row, its next generation, its revision, and a row for
 * every occurrence that was due until now. A pause whose `until` has passed ends first, as a change of its own: the
 * definition that held since then decides what was due since then. `decide` returns the change for the locked row, in
 * force from the instant that it is given; undefined: none. Returns the job as it then is; undefined if there is none.
 * @throws SchedulerError `name_taken`, `invalid` for a target or secrets that this installation cannot
 * accept, and any error of `decide`; then nothing has changed
 */
export function storeJobChange(
  db: Database,
  place: { id: string; namespace?: string },
  writer: Writer,
  decide: (
    job: JobRow,
    transaction: Database,
    now: Date,
  ) => JobChange | undefined | Promise<JobChange | undefined>,
): Promise<{ job: JobRow; changed: boolean } | undefined> {
  const asked = performance.now();
  return inTransaction(db, async (transaction) => {
    const seen = await lockJob(transaction, place);
    if (!seen) return undefined;
    // A change is in force from when it has the lock: what was due while it waited is decided by what held until then.
    const waitedMs = performance.now() - asked;
    const now = new Date(Math.max(writer.now.getTime() + waitedMs, seen.updated_at.getTime()));
    const job = isPauseOver(seen, now)
      ? await applyChange(transaction, seen, resumption(seen, now), { ...writer, by: 'pause.until', now })
      : seen;
    // Clients know the generation that they have seen, and `If-Match` names it.
    const change = await decide({ ...job, generation: seen.generation }, transaction, now);
    if (!change) return { job, changed: job !== seen };
    return { job: await applyChange(transaction, job, change, { ...writer, now }), changed: true };
  });
}

/** Stores one change of a job that the transaction has locked. */
async function applyChange(
  transaction: Database,
  job: JobRow,
  asked: JobChange,
  { by, origin, source, now, secrets, taskQueue }: Writer,
): Promise<JobRow> {
  if (asked.definition) refuseOwnQueues(asked.definition.target, taskQueue);
  const extracted = asked.definition && extractSecrets(asked.definition);
  const since = asked.since ?? now;
  const schedule = scheduleAfter(job, asked, since);
  const change: StoredChange = {
    ...asked,
    definition: extracted && { ...extracted.definition, schedule },
  };

  const generation = job.generation + 1;
  const touched = touchesSchedule(job, change);
  const held = tryCompile(job.schedule, now.getTime());
  // What an unknown schedule was due at is unknown. It must not keep its job from being mended or deleted.
  if (touched && held) await materializeUntil(transaction, job, { until: since, now });
  const state = change.state ?? job.state;
  const compiled = change.definition || change.skips ? compileSchedule(schedule) : held;
  const paused_at = state === 'paused' ? (job.paused_at ?? now) : null;
  const written = await updateJob(transaction, job, {
    ...columnsOfChange(job, change, compiled, by, now),
    ...(change.skips ? { schedule: JSON.stringify(schedule) } : {}),
    generation,
    ...watchAfter(job, change, now),
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
          account_at:
            change.isDeleted || !compiled
              ? null
              : nextMaterializeAt({ schedule, state, paused_at }, since, now, compiled),
          next_run_at: compiled ? nextRunAtOf({ schedule, state }, now, compiled) : null,
        }
      : // The Temporal Schedule holds nothing that changed, so it still matches if it did before.
        job.observed_generation === job.generation
        ? { observed_generation: generation }
        : {}),
  });
  if (extracted && (hasSecrets(extracted) || hasSecrets(extractSecrets(definitionOf(job)))))
    await storeSecrets(transaction, job.id, extracted, secrets);
  await insertRevision(transaction, {
    jobId: job.id,
    generation,
    at: now,
    by,
    action: change.action,
    changes: findChanges(job, change, { newSecrets: extracted?.given ?? [], schedule, since }),
    source,
  });
  return written;
}

const hasSecrets = ({ given, kept }: ExtractedSecrets) => given.length + kept.length > 0;

/** From now on the job is watched for being late, if it has `onLate`. */
const watched = (onLate: unknown, now: Date) => {
  const since = onLate ? now : null;
  return { late: null, late_watched_since: since, late_judged_to: since, late_check_at: since };
};

/**
 * What a change means for being late: a job that becomes active, or gets `onLate`, is watched from now on. Any other change is
 * judged at once. Pure.
 */
function watchAfter(job: JobRow, { definition, state }: StoredChange, now: Date) {
  const onLate = definition ? definition.onLate : job.on_late;
  const begins = !job.on_late || (state === 'active' && job.state !== 'active');
  if (!onLate || begins) return watched(onLate, now);
  return { late_check_at: now };
}

const notPaused = { pause_reason: null, paused_by: null, paused_at: null, paused_until: null };

/**
 * The columns that a change sets, apart from those that every change sets. `compiled` is the job's schedule
 * after it. Pure.
 */
function columnsOfChange(
  job: JobRow,
  { definition, state, pause, isDeleted }: StoredChange,
  compiled: CompiledSchedule | undefined,
  by: string,
  now: Date,
): JobUpdate {
  const paused = pause && {
    pause_reason: pause.reason,
    paused_by: by,
    paused_until: pause.until,
  };
  return {
    ...(definition
      ? { ...columnsOf(definition), finishes_at: compiled ? finishesAt(compiled, now) : null }
      : {}),
    // An unchanged schedule may have had its last occurrence already, and the job is still to be completed.
    ...(definition && isDeepStrictEqual(definition.schedule, job.schedule)
      ? { finishes_at: job.finishes_at }
      : {}),
    ...(state === undefined ? {} : { state }),
    ...(state === 'paused' ? { paused_at: now } : {}),
    ...(state === 'active' ? { ...notPaused, consecutive_failures: 0 } : {}),
    ...(state === 'completed' ? notPaused : {}),
    ...paused,
    // A deleted job keeps no calendar from being deleted.
    ...(isDeleted ? { deleted_at: now, calendar_id: null } : {}),
  };
}

/** Tells whether a change concerns anything that the Temporal Schedule holds (schedule-options.ts). Pure. */
function touchesSchedule(job: JobRow, { definition, state, pause, skips, isDeleted }: StoredChange): boolean {
  if (isDeleted || pause || skips || (state !== undefined && state !== job.state)) return true;
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
