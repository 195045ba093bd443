import { findCalendarById } from '../../db/calendars/calendars.ts';
import { listOutdatedByCalendar } from '../../db/upkeep/job-upkeep.ts';
import { withDaysOf } from '../calendars/attach-calendar.ts';
import { definitionOf } from '../jobs/job-definition.ts';
import { storeJobChange } from '../jobs/store-job.ts';
import { syncJob } from '../schedules/sync.ts';
import { forEachJob } from './each-job.ts';
import type { ReconcileDependencies } from './reconcile-dependencies.ts';
import type { Round } from './run-steps.ts';

/**
 * Gives jobs the present working days of their calendars, one batch of them: each by a change of its own, as if somebody had
 * changed its schedule. Returns how many jobs it began.
 */
export async function followCalendars(
  dependencies: ReconcileDependencies,
  { now, isOver }: Round,
  limit: number,
): Promise<number> {
  const { db, secrets, taskQueue } = dependencies;
  const ids = await listOutdatedByCalendar(db, now, limit);
  return forEachJob(dependencies, 'calendar', ids, isOver, async (id) => {
    const written = await storeJobChange(
      db,
      { id },
      { by: 'calendar', now, secrets, taskQueue },
      async (job, transaction) => {
        const calendar =
          job.calendar_id === null ? undefined : await findCalendarById(transaction, job.calendar_id);
        if (!calendar || (job.calendar_generation ?? 0) >= calendar.days_generation) return undefined;
        const { schedule, ...definition } = definitionOf(job);
        return { action: 'changed', definition: { ...definition, schedule: withDaysOf(calendar, schedule) } };
      },
    );
    if (written?.changed) await syncJob(dependencies, id, written.job);
  });
}
