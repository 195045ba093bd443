import type { Database } from '../../db/database.ts';
import { listJobsOfCalendars } from '../../db/calendars/calendars.ts';
import type { CalendarRow } from '../../db/schema.ts';
import { DAY_MS } from '../../domain/milliseconds.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { findMovedOccurrences, type MovedOccurrences } from '../../domain/schedule/moved-occurrences.ts';
import { includingSkipped } from '../../domain/schedule/skips.ts';
import { asRequested } from '../../domain/schedule/as-requested.ts';
import { withDaysOf } from './attach-calendar.ts';

/** How far ahead occurrences are compared. */
const AHEAD_MS = 90 * DAY_MS;
/** Jobs and occurrences that an answer names. */
const NAMED_JOBS = 100;
const NAMED_OCCURRENCES = 20;
/** Jobs read at once; in between, other requests are answered. */
const PAGE = 50;

/** What a change of calendars does to one job. */
interface MovedJob extends MovedOccurrences {
  id: string;
  name: string;
}

/** What a change of calendars does to the jobs that use them. */
export interface CalendarEffects {
  /** How many jobs use these calendars. */
  jobs: number;
  /** How many of them have occurrences that move. */
  moved: number;
  /** The first of these, by id. */
  examples: MovedJob[];
}

/**
 * Finds out which occurrences of the next 90 days move if calendars are as in `affected`. Stores nothing. Paused jobs count as if they
 * were active.
 */
export async function previewCalendarChange(
  db: Database,
  affected: CalendarRow[],
  now: Date,
): Promise<CalendarEffects> {
  const effects: CalendarEffects = { jobs: 0, moved: 0, examples: [] };
  const byId = new Map(affected.map((calendar) => [calendar.id, calendar]));
  const window = { from: now.getTime() + 1, until: now.getTime() + AHEAD_MS, limit: NAMED_OCCURRENCES };
  let afterId: string | undefined;
  for (;;) {
    const jobs = await listJobsOfCalendars(db, [...byId.keys()], { afterId, limit: PAGE });
    for (const { id, name, schedule, calendar_id } of jobs) {
      const calendar = byId.get(calendar_id as string);
      if (!calendar) continue;
      effects.jobs++;
      const after = withDaysOf(calendar, asRequested(schedule));
      const moved = findMovedOccurrences(
        includingSkipped(compileSchedule(schedule)),
        compileSchedule(after),
        window,
      );
      if (moved.gone.length === 0 && moved.added.length === 0) continue;
      effects.moved++;
      if (effects.examples.length < NAMED_JOBS) effects.examples.push({ id, name, ...moved });
    }
    if (jobs.length < PAGE) return effects;
    afterId = jobs[jobs.length - 1]?.id;
  }
}
