import type { ClockChangeRules } from './recurrence.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';
import { clockChangeAtStart, zoneSegmentAt } from './time-zone.ts';

/** What the clocks of a zone make of a local time: when they show it, or the end of the gap in which they leave it out. */
export interface LocalTime {
  /** Milliseconds since the epoch, ascending: none in a gap, two where clocks go back. */
  shown: number[];
  gapEnd: number | undefined;
}

/** Finds when a zone's clocks show a local time, which is written as the UTC milliseconds of the same reading. */
export function findLocalTime(zone: string, local: number): LocalTime {
  const shown: number[] = [];
  let gapEnd: number | undefined;
  // No zone is further from UTC than a day, not even Samoa on the day that it left out.
  for (let at = local - 2 * DAY_MS; at < local + 2 * DAY_MS;) {
    const segment = zoneSegmentAt(zone, at);
    const instant = local - segment.offset;
    if (segment.start <= instant && instant < segment.end) shown.push(instant);
    const change = clockChangeAtStart(zone, segment);
    if (change?.direction === 'forward' && change.localFrom <= local && local < change.localTo)
      gapEnd = change.instant;
    at = segment.end;
  }
  return { shown, gapEnd };
}

/** The instants at which something fires that is set for a local time, by the rules for clock changes. */
export function instantsOfLocal(zone: string, local: number, { gap, repeat }: ClockChangeRules): number[] {
  const { shown, gapEnd } = findLocalTime(zone, local);
  if (gapEnd !== undefined) return gap === 'shift' ? [gapEnd] : [];
  return repeat === 'first' ? shown.slice(0, 1) : shown;
}

/** A local time without an offset, such as `2027-03-01T09:00:00`, as the UTC milliseconds of its first whole second. */
export const localSecondFrom = (text: string): number =>
  Math.ceil(Date.parse(`${text}Z`) / SECOND_MS) * SECOND_MS;
