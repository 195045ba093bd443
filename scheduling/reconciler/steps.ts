import { removeSecretsOfDeleted } from '../../db/jobs/job-secrets.ts';
import { materializePaused } from '../../db/runs/pause-runs.ts';
import { removeOldPermits } from '../../db/runs/permits.ts';
import { placeEvents, removeOldRunEvents } from '../../db/runs/run-events.ts';
import { removeOldDeferrals } from '../../db/upkeep/deferrals.ts';
import { noteSweep, type ReconcilerState } from '../../db/upkeep/reconciler-lease.ts';
import {
  removeOldAuditEntries,
  removeOldKeys,
  removeOldRuns,
  removeOldTombstones,
} from '../../db/upkeep/retention.ts';
import { DAY_MS, MINUTE_MS } from '../../domain/milliseconds.ts';
import { resealSecrets } from '../jobs/job-secrets.ts';
import { renewNextRuns } from '../occurrences/next-runs.ts';
import { materializeDue } from '../occurrences/occurrence-log.ts';
import { recordSuppressed } from '../occurrences/suppressed.ts';
import { repairPermits } from '../runs/permits.ts';
import { rescueOpenRuns } from '../runs/rescue.ts';
import { compareSchedules } from '../schedules/compare-schedules.ts';
import { repairDrift } from '../schedules/drift.ts';
import { completeFinished, completeUsedUp } from './complete-jobs.ts';
import { followCalendars } from './follow-calendars.ts';
import { judgeDueJobs } from './judge-lateness.ts';
import { endPauses } from './end-pauses.ts';
import { makeLateCalls } from './make-late-calls.ts';
import type { ReconcileDependencies } from './reconcile-dependencies.ts';
import type { Round, Step } from './run-steps.ts';
import { renewSpecs, syncUnsynced } from './sync-jobs.ts';

/** A pass of the reconciler, as its steps see it. */
export interface Pass extends ReconcileDependencies {
  /** When the last passes and sweeps ended. */
  previous: ReconcilerState;
  /** The interval between sweeps is over: this pass does also what only they do. */
  isSweep: boolean;
}

const JOBS = 100;
/** Each costs Temporal a query, so this bounds what the comparison costs: about twenty of them a second. */
const COMPARED_SCHEDULES = 40;
const NEXT_RUNS = 500;
const OPEN_RUNS = 200;
const MATERIALIZED_JOBS = 200;
const EVENTS = 5_000;
const REMOVED_ROWS = 1_000;

/** A run may be recorded this long after it ended. */
const LATE_RECORD_MS = MINUTE_MS;
/**
 * After a sweep that failed, or whose process died, the next one begins after this time, or the interval if
 * shorter.
 */
const SWEEP_AGAIN_MS = MINUTE_MS;
/** How long idempotency keys are kept. */
const KEY_RETENTION_MS = DAY_MS;
/** How long run events are kept: a client that follows runs may be disconnected for this time and miss none. */
const RUN_EVENT_RETENTION_MS = DAY_MS;
/** How long a deferral is kept that no step has touched. */
const DEFERRAL_RETENTION_MS = DAY_MS;

const before = (now: Date, ms: number) => new Date(now.getTime() - ms);
const isSweep = (pass: Pass) => pass.isSweep;

/** The steps of a pass, the most urgent first. */
export const STEPS: readonly Step<Pass>[] = [
  // These need no Temporal, and come before what waits for one that is away.
  { name: 'latenessJudged', batch: JOBS, run: (pass, round) => judgeDueJobs(pass, round, JOBS) },
  {
    name: 'lateCallsMade',
    batch: 'all',
    run: (pass, round) => makeLateCalls(pass, round),
  },
  { name: 'resumed', batch: JOBS, run: (pass, round) => endPauses(pass, round, JOBS) },
  {
    name: 'calendarsFollowed',
    batch: JOBS,
    run: (pass, round) => followCalendars(pass, round, JOBS),
  },
  { name: 'synced', batch: JOBS, run: (pass, round) => syncUnsynced(pass, round, JOBS) },
  {
    // Materialized, in today's word.
    name: 'accounted',
    batch: MATERIALIZED_JOBS,
    run: (pass, round) => materializeDue(pass, round, MATERIALIZED_JOBS),
  },
  {
    // Permits repaired, in today's words.
    name: 'turnsMended',
    batch: 'all',
    run: (pass, { isOver }) => repairPermits(pass, isOver),
  },
  { name: 'permitsRemoved', batch: REMOVED_ROWS, run: ({ db }) => removeOldPermits(db, REMOVED_ROWS) },
  { name: 'runEventsPlaced', batch: EVENTS, run: ({ db }) => placeEvents(db, EVENTS) },
  {
    // Rescued, in today's word.
    name: 'runsChecked',
    batch: OPEN_RUNS,
    run: (pass, round) => rescueOpenRuns(pass, round, OPEN_RUNS),
  },
  { name: 'completed', batch: JOBS, run: (pass, round) => completeFinished(pass, round, JOBS) },
  {
    name: 'completed',
    batch: JOBS,
    run: (pass, round) => completeUsedUp(pass, round, before(pass.previous.passedAt, LATE_RECORD_MS), JOBS),
  },
  { name: 'nextRunsNoted', batch: NEXT_RUNS, run: (pass, { now }) => renewNextRuns(pass, now, NEXT_RUNS) },
  { name: 'renewed', batch: JOBS, run: (pass, round) => renewSpecs(pass, round, JOBS) },
  {
    name: 'completed',
    when: isSweep,
    batch: JOBS,
    run: (pass, round) => completeUsedUp(pass, round, new Date(0), JOBS),
  },
  { name: 'swept', when: isSweep, batch: 'all', run: sweep },
  {
    name: 'compared',
    batch: 'all',
    run: (pass, round) => compareSchedules(pass, pass.previous, round, COMPARED_SCHEDULES),
  },
  { name: 'suppressed', when: isSweep, batch: 'all', run: (pass, { now }) => recordSuppressed(pass, now) },
  {
    // Materialized for paused jobs, in today's words.
    name: 'pausesTakenUp',
    when: isSweep,
    batch: 'all',
    run: ({ db }, { now }) => materializePaused(db, now),
  },
  {
    name: 'secretsResealed',
    when: isSweep,
    batch: 'all',
    run: ({ db, secrets, logger }) => resealSecrets(db, secrets, logger),
  },
  {
    name: 'secretsRemoved',
    when: isSweep,
    batch: REMOVED_ROWS,
    run: ({ db }) => removeSecretsOfDeleted(db, REMOVED_ROWS),
  },
  {
    name: 'runsRemoved',
    when: isSweep,
    batch: REMOVED_ROWS,
    run: ({ db, runRetentionMs }, { now }) => removeOldRuns(db, before(now, runRetentionMs), REMOVED_ROWS),
  },
  {
    name: 'runEventsRemoved',
    when: isSweep,
    batch: REMOVED_ROWS,
    run: ({ db }, { now }) => removeOldRunEvents(db, before(now, RUN_EVENT_RETENTION_MS), REMOVED_ROWS),
  },
  {
    name: 'jobsRemoved',
    when: isSweep,
    batch: REMOVED_ROWS,
    run: ({ db, runRetentionMs }, { now }) =>
      removeOldTombstones(db, before(now, runRetentionMs), REMOVED_ROWS),
  },
  {
    name: 'auditEntriesRemoved',
    when: isSweep,
    batch: REMOVED_ROWS,
    run: ({ db, runRetentionMs }, { now }) =>
      removeOldAuditEntries(db, before(now, runRetentionMs), REMOVED_ROWS),
  },
  {
    name: 'deferralsRemoved',
    when: isSweep,
    batch: 'all',
    run: ({ db }, { now }) => removeOldDeferrals(db, before(now, DEFERRAL_RETENTION_MS)),
  },
  {
    name: 'keysRemoved',
    when: isSweep,
    batch: REMOVED_ROWS,
    run: ({ db }, { now }) => removeOldKeys(db, before(now, KEY_RETENTION_MS), REMOVED_ROWS),
  },
];

/**
 * Compares Temporal's list of schedules with all jobs. It takes the time that it takes, for it has to see every
 * schedule.
 */
async function sweep(pass: Pass, { now }: Round): Promise<number> {
  const { db, logger, sweepIntervalMs } = pass;
  // Noted before it begins: a sweep that fails is not begun again in every pass.
  const againMs = Math.max(0, sweepIntervalMs - SWEEP_AGAIN_MS);
  await noteSweep(db, before(now, againMs));
  const swept = await repairDrift(pass, now);
  await noteSweep(db, now);
  logger.info(swept, 'compared all schedules with all jobs');
  return swept.orphans + swept.different + swept.unlisted;
}
