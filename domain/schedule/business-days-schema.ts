import { z } from 'zod';
import { CalendarName } from '../business-calendar/calendar-name.ts';
import type { WorkingDays } from '../business-calendar/working-days.ts';

const calendar = CalendarName.meta({ description: 'A calendar of the job’s namespace.', example: 'de-by' });

/** On which days a schedule of local times fires. */
export const BusinessDaysRule = z
  .strictObject({
    calendar,
    otherwise: z.enum(['skip', 'next', 'previous']).default('skip').meta({
      description:
        'What happens with an occurrence on a day off: it is left out (skip), or it fires at the same local time on the next or the previous working day. Several that are moved to one day are one occurrence.',
    }),
  })
  .meta({
    id: 'BusinessDays',
    description: 'Fires on the working days of a calendar alone.',
    example: { calendar: 'de-by', otherwise: 'next' },
  });

/** As above, for intervals, which have no time of day that could be moved. */
export const BusinessDaysSkip = z
  .strictObject({
    calendar,
    otherwise: z
      .literal('skip', {
        error: 'an interval has no time of day that could be moved; only "skip" is possible with every',
      })
      .default('skip'),
  })
  .meta({
    id: 'BusinessDaysOnly',
    description: 'Fires on the working days of a calendar alone.',
    example: { calendar: 'de-by' },
  });

/** What a stored schedule knows of its calendar. */
export interface StoredWorkingDays {
  calendarId: string;
  days: WorkingDays;
  /** The generation of the calendar's working days. */
  generation: number;
  /** The last date for which the calendar knows holidays. */
  through?: string | undefined;
}
