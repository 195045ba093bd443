import { z } from 'zod';
import { readCalendars } from '../../db/calendars/calendars.ts';
import type { CalendarRow } from '../../db/schema.ts';
import { dateOf, dayOf, isWorkingDay } from '../../domain/business-calendar/working-days.ts';
import { includedBy } from '../../domain/business-calendar/resolve-calendar.ts';
import { CalendarParams, noSuchCalendar } from '../rest/calendar-resource.ts';
import { operation } from '../rest/operation.ts';

const CalendarDays = z
  .strictObject({
    year: z.int(),
    workingDays: z.int().meta({ description: 'How many days of the year are working days.' }),
    days: z
      .array(
        z.strictObject({
          date: z.iso.date(),
          isWorkingDay: z.boolean(),
          names: z.array(z.string()).meta({
            description:
              'The names of the holidays or working days of this date, also of included calendars.',
          }),
        }),
      )
      .meta({ description: 'Every day of the year.' }),
  })
  .meta({ id: 'CalendarDays' });

export const listDaysOfCalendar = operation({
  method: 'get',
  path: '/calendars/{name}/days',
  operationId: 'listDaysOfCalendar',
  summary: 'List the days of a year',
  description: 'Tells of each day whether it is a working day, with included calendars, and its names.',
  tag: 'Calendars',
  access: 'jobs:read',
  params: CalendarParams,
  query: z.strictObject({
    year: z.coerce.number().int().min(2000).max(2100).meta({ example: 2026 }),
  }),
  answers: { 200: { description: 'The days.', schema: CalendarDays } },
  errors: ['not_found'],
  async handle({ params: { name }, query: { year }, namespace }, { db }) {
    const all = await readCalendars(db, namespace);
    const calendar = all.get(name);
    if (!calendar) throw noSuchCalendar(name);
    const find = (other: string) => {
      const row = all.get(other);
      return row && { ...row.definition, name: other };
    };
    const included = includedBy({ ...calendar.definition, name }, find).map((other) => all.get(other));
    const names = namesOf([calendar, ...included.filter((row) => row !== undefined)], year);
    const isWorking = isWorkingDay(calendar.days);
    const first = dayOf(`${year}-01-01`);
    const last = dayOf(`${year}-12-31`);
    const days = Array.from({ length: last - first + 1 }, (_, index) => {
      const date = dateOf(first + index);
      return { date, isWorkingDay: isWorking(first + index), names: [...(names.get(date) ?? [])] };
    });
    const workingDays = days.filter((day) => day.isWorkingDay).length;
    return { status: 200, body: { year, workingDays, days } };
  },
});

/** The names of the dates of a year that calendars name. */
function namesOf(calendars: CalendarRow[], year: number): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  const add = (date: string, name: string) => {
    if (date.startsWith(`${year}-`)) names.set(date, (names.get(date) ?? new Set<string>()).add(name));
  };
  for (const { definition } of calendars) {
    for (const { date, name } of definition.workingDays) add(date, name);
    for (const holiday of definition.holidays) {
      if ('date' in holiday) add(holiday.date, holiday.name);
      else
        for (let day = dayOf(holiday.from); day <= dayOf(holiday.to); day++) add(dateOf(day), holiday.name);
    }
  }
  return names;
}
