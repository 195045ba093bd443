import type { Database } from '../../db/database.ts';
import { listActiveInZone, listTimeZones } from '../../db/upkeep/job-upkeep.ts';
import { insertAbsentRuns } from '../../db/runs/runs.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { DAY_MS } from '../../domain/milliseconds.ts';
import { reasonFor } from '../../domain/run/reasons.ts';
import { suppressedOccurrences } from '../../domain/schedule/occurrences.ts';
import { clockChanges } from '../../domain/schedule/time-zone.ts';
import { resolveZone } from '../../domain/schedule/canonical-zone.ts';
import { occurrenceRun } from './queued-run.ts';

/** So far back, in case no worker ran for a while. */
const LOOK_BACK_MS = 2 * DAY_MS;
const BATCH = 200;

/**
 * Records, as skipped runs, the local times that came by a second time when clocks went back, and at which a job did
 * not fire. Does nothing but on the days after a clock change, and doing it again changes nothing. Returns how many it
 * recorded.
 */
export async function recordSuppressed(db: Database, now: Date): Promise<number> {
  const { reason, reasonCode } = reasonFor('repeatedLocalTime');
  let recorded = 0;
  const until = now.getTime();
  const after = until - LOOK_BACK_MS;
  for (const timeZone of await listTimeZones(db)) {
    const wentBack = clockChanges(resolveZone(timeZone), after, until).some(
      ({ direction }) => direction === 'back',
    );
    if (!wentBack) continue;
    let lastId: string | undefined;
    do {
      const jobs = await listActiveInZone(db, timeZone, lastId, BATCH);
      for (const job of jobs) {
        const since = Math.max(after, job.created_at.getTime());
        const instants = suppressedOccurrences(compileSchedule(job.schedule), since, until);
        recorded += await insertAbsentRuns(
          db,
          instants.map((instant) => ({
            ...occurrenceRun(job, instant),
            state: 'skipped' as const,
            ended_at: new Date(instant),
            reason,
            reason_code: reasonCode,
          })),
        );
      }
      lastId = jobs.length === BATCH ? jobs[jobs.length - 1]?.id : undefined;
    } while (lastId !== undefined);
  }
  return recorded;
}
