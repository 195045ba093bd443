import type { WorkingDays } from '../../domain/business-calendar/working-days.ts';
import type { Random } from './random.ts';

const DAY_MS = 86_400_000;

/** Random working days around `begin`: any days of the week, holidays alone and in a row, and further working days. */
export function randomWorkingDays(random: Random, begin: number): WorkingDays {
  const weekdays = random.chance(0.7)
    ? [1, 2, 3, 4, 5]
    : [0, 1, 2, 3, 4, 5, 6].filter(() => random.chance(0.5));
  const isOnWeekday = (date: string) => weekdays.includes(new Date(date).getUTCDay());
  const off = new Set<string>();
  const on = new Set<string>();
  const dateAt = (day: number) => new Date(begin + day * DAY_MS).toISOString().slice(0, 10);
  for (let count = random.integer(0, 60); count > 0; count--) {
    const first = random.integer(-60, 1_500);
    const length = random.chance(0.1) ? random.integer(5, 70) : random.integer(1, 3);
    for (let day = first; day < first + length; day++) off.add(dateAt(day));
  }
  for (let count = random.integer(weekdays.length === 0 ? 5 : 0, 12); count > 0; count--)
    on.add(dateAt(random.integer(-60, 1_500)));
  return {
    weekdays,
    off: [...off].filter(isOnWeekday).sort(),
    on: [...on].filter((date) => !isOnWeekday(date)).sort(),
  };
}
