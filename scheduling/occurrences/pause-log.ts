import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { Database } from '../../db/database.ts';
import { countRunsSoFar } from '../../db/runs/occurrence-log.ts';
import {
  extendPauseRun,
  findPauseRun,
  insertPauseRun,
  listOccurrencesWithRow,
} from '../../db/runs/pause-runs.ts';
import type { JobRow } from '../../db/schema.ts';
import { reasonFor } from '../../domain/run/reasons.ts';
import { compileSchedule, type CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import { countOccurrences } from '../../domain/schedule/count-occurrences.ts';
import { lastOccurrence } from '../../domain/schedule/last-occurrence.ts';
import { isOccurrence, iterateOccurrences } from '../../domain/schedule/occurrences.ts';
import { isUsedUp } from './due-within-max-runs.ts';
import { occurrenceRun } from './queued-run.ts';

// Occurrences that fall due while a job is paused. One run stands for all occurrences of a pause, with the
// first and the last nominal time and their number, however long the pause is and however often the job would
// have fired.

const PAUSED = reasonFor('paused');

/** Another process may record the same pause. The second one then reads the record again, this often at most. */
const ATTEMPTS = 3;

/** The last instant of a pause with `pause.until`: an occurrence due at its end is to run. Pure. */
export const lastOfPause = (until: Date) => new Date(until.getTime() - 1);

/** Occurrences in a part of a pause that have no row of their own; times in milliseconds since the epoch. */
interface DueInPause {
  count: number;
  first: number;
  last: number;
}

/**
 * Records the occurrences of a paused job from the beginning of its pause up to `until` that are not recorded
 * yet. Stops after about `atMost` occurrences. Returns up to when all are recorded.
 * @throws Error if other processes keep recording the same pause
 */
export async function recordPause(
  db: Database,
  job: JobRow,
  pausedAt: Date,
  until: Date,
  atMost = Infinity,
): Promise<Date> {
  const { maxRuns } = job.schedule;
  // An instant after the last run is no occurrence.
  if (maxRuns !== undefined && isUsedUp(await countRunsSoFar(db, job.id), maxRuns)) return until;
  const compiled = compileSchedule(job.schedule);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const run = await findPauseRun(db, job.id, pausedAt);
    const after = Math.max(
      job.accounted_to.getTime(),
      pausedAt.getTime(),
      run?.last_scheduled_at.getTime() ?? 0,
    );
    if (after >= until.getTime()) return until;
    const { count, to } = await countUpTo(compiled, after, until.getTime(), atMost);
    const due = await withoutRow(db, job, compiled, { after, to, count });
    if (!due) return new Date(to);
    const last = new Date(due.last);
    const isRecorded = run
      ? await extendPauseRun(db, run, { count: due.count, last })
      : await insertPauseRun(db, {
          ...occurrenceRun(job, due.first),
          state: 'skipped',
          reason: PAUSED.reason,
          reason_code: PAUSED.reasonCode,
          ended_at: last,
          occurrences: due.count,
          last_scheduled_at: last,
        });
    if (isRecorded) return new Date(to);
  }
  throw new Error(`another process keeps recording the pause of the job ${job.id}`);
}

async function countUpTo(compiled: CompiledSchedule, after: number, until: number, atMost: number) {
  let count = 0;
  let to = after;
  for (const step of countOccurrences(compiled, after, until)) {
    count += step.count;
    to = step.to;
    if (count >= atMost) break;
    await yieldToOthers();
  }
  return { count, to };
}

/**
 * The occurrences in (after, to] without a row of their own. An occurrence that started as the pause began
 * has one.
 */
async function withoutRow(
  db: Database,
  job: JobRow,
  compiled: CompiledSchedule,
  { after, to, count }: { after: number; to: number; count: number },
): Promise<DueInPause | undefined> {
  if (count === 0) return undefined;
  const rows = await listOccurrencesWithRow(db, job.id, new Date(after), new Date(to));
  // Rows of an earlier schedule of the job are not among those that were counted.
  const known = new Set(rows.filter((instant) => isOccurrence(compiled, instant)));
  if (count <= known.size) return undefined;
  let first = after;
  for (first of iterateOccurrences(compiled, after)) if (!known.has(first)) break;
  for (let end = to; ;) {
    const bounded = { ...compiled, endAt: Math.min(compiled.endAt ?? Infinity, end) };
    const last = lastOccurrence(bounded, first - 1) ?? first;
    if (!known.has(last)) return { count: count - known.size, first, last };
    end = last - 1;
  }
}
