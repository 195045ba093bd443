import { isWorkingDay, type IsWorkingDay, type WorkingDays } from '../business-calendar/working-days.ts';
import type { CompiledSchedule } from './compile-schedule.ts';
import { FIRST_DAYS, monthOf } from './day-table.ts';
import { DAY_MS } from '../milliseconds.ts';
import { iterateOccurrences } from './occurrences.ts';

/** Instants at which a schedule fires before a change of its calendar and not after it, and the other way round. */
export interface MovedOccurrences {
  gone: number[];
  added: number[];
  /** There are more. */
  isCut: boolean;
}

/** No occurrence is moved over more days than these. */
const MAX_DAYS = 731;
/** A local day begins and ends within these of the same day in UTC. */
const ZONES_MS = DAY_MS;

/**
 * Compares a schedule before and after its working days change, from `from` to `until` (milliseconds since the epoch). Only the days
 * around those that change are searched, so that it takes no longer for a frequent schedule. At most `limit` of each. Pure.
 */
export function findMovedOccurrences(
  before: CompiledSchedule,
  after: CompiledSchedule,
  { from, until, limit }: { from: number; until: number; limit: number },
): MovedOccurrences {
  const [old, changed] = [before.businessDays?.days, after.businessDays?.days];
  const moved: MovedOccurrences = { gone: [], added: [], isCut: false };
  if (!old || !changed) return moved;
  const isByMonth = after.calendars.some(({ businessDay }) => businessDay !== undefined);
  for (const window of windowsOf(old, changed, { from, until, isByMonth })) {
    const fires = instantsIn(before, window, limit);
    const willFire = instantsIn(after, window, limit);
    moved.isCut ||= fires.length > limit || willFire.length > limit;
    const [isOld, isNew] = [new Set(fires), new Set(willFire)];
    moved.gone.push(...fires.filter((instant) => !isNew.has(instant)));
    moved.added.push(...willFire.filter((instant) => !isOld.has(instant)));
  }
  moved.isCut ||= moved.gone.length > limit || moved.added.length > limit;
  return { ...moved, gone: moved.gone.slice(0, limit), added: moved.added.slice(0, limit) };
}

function instantsIn(schedule: CompiledSchedule, { from, until }: Window, limit: number): number[] {
  const instants: number[] = [];
  for (const instant of iterateOccurrences(schedule, from - 1)) {
    if (instant > until || instants.length > limit) break;
    instants.push(instant);
  }
  return instants;
}

interface Window {
  from: number;
  until: number;
}

/** The times in which a change of working days can move an occurrence: ascending, and apart from one another. */
function windowsOf(
  before: WorkingDays,
  after: WorkingDays,
  { from, until, isByMonth }: Window & { isByMonth: boolean },
): Window[] {
  const [wasWorking, isWorking] = [before, after].map(isWorkingDay) as [IsWorkingDay, IsWorkingDay];
  const windows: Window[] = [];
  const last = Math.ceil((until + ZONES_MS) / DAY_MS);
  const add = (firstDay: number, lastDay: number) => {
    const window = {
      from: Math.max(from, firstDay * DAY_MS - ZONES_MS),
      until: Math.min(until, (lastDay + 1) * DAY_MS + ZONES_MS),
    };
    if (window.from > window.until) return;
    const previous = windows.at(-1);
    if (previous && window.from <= previous.until) previous.until = Math.max(previous.until, window.until);
    else windows.push(window);
  };
  for (let day = Math.floor((from - ZONES_MS) / DAY_MS) - MAX_DAYS; day <= last + MAX_DAYS; day++) {
    if (wasWorking(day) === isWorking(day)) continue;
    if (isByMonth) {
      const month = monthOf(day);
      add(FIRST_DAYS[month] as number, (FIRST_DAYS[month + 1] as number) - 1);
    } else add(seek(day, -1), seek(day, 1));
  }
  return windows;

  /** The next day in a direction that is a working day before and after the change. */
  function seek(day: number, step: 1 | -1): number {
    let found = day + step;
    while (Math.abs(found - day) < MAX_DAYS && !(wasWorking(found) && isWorking(found))) found += step;
    return found;
  }
}
