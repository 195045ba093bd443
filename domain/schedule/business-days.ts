import { workingDaysOfMonth, type DaysOfMonth, type WorkingDays } from '../business-calendar/working-days.ts';
import { MONTH_COUNT } from './day-table.ts';

/** The days of business of a schedule: its working days, and what happens with occurrences on other days. */
export interface BusinessDays {
  days: WorkingDays;
  otherwise: 'skip' | 'next' | 'previous';
}

/** How days of a schedule are moved: given the days that it names, month by month, the days on which it fires. */
export type MoveDays = (month: number, named: DaysOfMonth) => number;

/** No occurrence is moved over more months than these without a working day. */
const MAX_IDLE_MONTHS = 24;

/** Compiles a rule for days off. Several days that are moved to the same day become one. Pure. */
export function moveDays({ days, otherwise }: BusinessDays): MoveDays {
  const working = workingDaysOfMonth(days);
  if (otherwise === 'skip') return (month, named) => named(month) & working(month);
  const isNext = otherwise === 'next';
  // In the direction of the move, the neighbour from which days are carried over into a month.
  const step = isNext ? -1 : 1;
  const isCarriedInto = (month: number, named: DaysOfMonth): boolean => {
    for (let from = month + step, idle = 0; idle <= MAX_IDLE_MONTHS; from += step, idle++) {
      if (from < 0 || from >= MONTH_COUNT) return false;
      const open = working(from);
      if ((named(from) & ~open & (isNext ? above(open) : below(open))) !== 0) return true;
      if (open !== 0) return false;
    }
    return false;
  };
  return (month, named) => {
    const open = working(month);
    if (open === 0) return 0;
    const chosen = named(month);
    let fires = chosen & open;
    for (let rest = chosen & ~open; rest !== 0; rest &= rest - 1) {
      const day = rest & -rest;
      const candidates = open & (isNext ? above(day) : below(day));
      fires |= isNext ? lowest(candidates) : highest(candidates);
    }
    if (isCarriedInto(month, named)) fires |= isNext ? lowest(open) : highest(open);
    return fires;
  };
}

/** The days of a month that are its n-th working days; -1 is the last one. Pure. */
export function nthWorkingDays(days: WorkingDays, places: readonly number[]): DaysOfMonth {
  const working = workingDaysOfMonth(days);
  return (month) => {
    const open = bitsOf(working(month));
    return places.reduce((bits, place) => bits | (open[place > 0 ? place - 1 : open.length + place] ?? 0), 0);
  };
}

/** Each bit of a set of days, ascending. */
function bitsOf(days: number): number[] {
  const bits: number[] = [];
  for (let rest = days; rest !== 0; rest &= rest - 1) bits.push(rest & -rest);
  return bits;
}

/** A set's lowest day; 0 if it is empty. */
const lowest = (days: number) => days & -days;
/** A set's highest day; 0 if it is empty. */
const highest = (days: number) => (days === 0 ? 0 : 1 << (31 - Math.clz32(days)));
/** All days after the highest of a set; all if it is empty. */
const above = (days: number) => (days === 0 ? -1 : ~(highest(days) | (highest(days) - 1)));
/** All days before the lowest of a set; all if it is empty. */
const below = (days: number) => (days === 0 ? -1 : lowest(days) - 1);
