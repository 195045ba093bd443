import { DAY_MS, SECOND_MS } from '../milliseconds.ts';
import { clockChangeAtStart, zoneSegmentAt } from './time-zone.ts';

/** What happens to a fixed local time that the clocks leave out, or show twice. */
export interface ClockChangeRules {
  /** `shift`: it fires at the first instant after the gap. `skip`: it does not fire. */
  gap: 'shift' | 'skip';
  /** `first`: only the first of the two. `both`: both. */
  repeat: 'first' | 'both';
}

/** The instants at which the clocks of a zone show a local time. */
export interface LocalTime {
  /** Milliseconds since the epoch, ascending: none in a gap, two where the clocks go back. */
  shown: number[];
  /** The first instant after the gap that holds the local time; undefined if no gap does. */
  gapEnd: number | undefined;
}

/** Finds the instants of a local time, which is given as the UTC milliseconds of the same clock reading. */
export function findLocalTime(zone: string, local: number): LocalTime {
  const shown: number[] = [];
  let gapEnd: number | undefined;
  // No zone is more than a day away from UTC, not even Samoa on the day that it left out.
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

/** The instants at which a local time fires, by the rules for clock changes: none, one or two. */
export function resolveLocalTime(zone: string, local: number, { gap, repeat }: ClockChangeRules): number[] {
  const { shown, gapEnd } = findLocalTime(zone, local);
  if (gapEnd !== undefined) return gap === 'shift' ? [gapEnd] : [];
  return repeat === 'first' ? shown.slice(0, 1) : shown;
}

/**
 * Parses a local time such as `2027-03-01T09:00:00`, rounded up to a whole second, to the UTC milliseconds of the same
 * clock reading.
 */
export const parseLocalTime = (text: string): number =>
  Math.ceil(Date.parse(`${text}Z`) / SECOND_MS) * SECOND_MS;
