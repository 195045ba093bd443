import { Temporal } from 'temporal-polyfill';

/** A stretch of time in which a zone's offset from UTC stays the same. All in milliseconds; `end` is not part of it. */
export interface ZoneSegment {
  start: number;
  end: number;
  offset: number;
}

/** Tells whether the runtime knows a time zone by this IANA name. */
export function isTimeZone(name: string): boolean {
  // Offsets such as "+02:00" are no zones: they know no daylight saving, and Temporal's server does not take them.
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/.test(name)) return false;
  try {
    zonedAt(name, 0);
    return true;
  } catch {
    return false;
  }
}

const zonedAt = (zone: string, instant: number) =>
  Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone);

/** An instant as RFC 3339 with the offset that a zone has then: `2026-11-23T09:00:00+01:00`. */
export function toLocalTime(zone: string, instant: number): string {
  return zonedAt(zone, instant).toString({ timeZoneName: 'never', smallestUnit: 'second' });
}

/** Segments per zone as far as they have been asked for: finding one costs far more than reading it again. */
const known = new Map<string, ZoneSegment[]>();

/** The segment that holds an instant (milliseconds since the epoch). */
export function zoneSegmentAt(zone: string, instant: number): ZoneSegment {
  let segments = known.get(zone);
  if (!segments) known.set(zone, (segments = []));
  const found = segments.find((segment) => segment.start <= instant && instant < segment.end);
  if (found) return found;
  const zoned = zonedAt(zone, instant);
  const segment = {
    // A zone's transition list is asked for from the instant after, so that a transition exactly at `instant` counts.
    start: zonedAt(zone, instant + 1).getTimeZoneTransition('previous')?.epochMilliseconds ?? -Infinity,
    end: zoned.getTimeZoneTransition('next')?.epochMilliseconds ?? Infinity,
    offset: zoned.offsetNanoseconds / 1e6,
  };
  segments.push(segment);
  return segment;
}

/**
 * A change of a zone's clocks. Local times are written as the UTC milliseconds of the same clock reading. Forward, the
 * clocks leave out `localFrom` up to `localTo`; back, they show `localFrom` up to `localTo` a second time.
 */
export interface ClockChange {
  instant: number;
  direction: 'forward' | 'back';
  localFrom: number;
  localTo: number;
}

/** The clock change with which the segment of an instant begins, if it begins with one that can be seen on a clock. */
export function clockChangeAtStart(zone: string, segment: ZoneSegment): ClockChange | undefined {
  if (!Number.isFinite(segment.start)) return undefined;
  const before = zoneSegmentAt(zone, segment.start - 1).offset;
  if (before === segment.offset) return undefined;
  const [localFrom, localTo] = [segment.start + before, segment.start + segment.offset];
  return before < segment.offset
    ? { instant: segment.start, direction: 'forward', localFrom, localTo }
    : { instant: segment.start, direction: 'back', localFrom: localTo, localTo: localFrom };
}

/** The clock changes of a zone after one instant and up to another, in order. */
export function clockChanges(zone: string, after: number, until: number): ClockChange[] {
  const changes: ClockChange[] = [];
  let { end } = zoneSegmentAt(zone, after);
  while (end <= until) {
    const segment = zoneSegmentAt(zone, end);
    const change = clockChangeAtStart(zone, segment);
    if (change) changes.push(change);
    end = segment.end;
  }
  return changes;
}
