import { Temporal } from 'temporal-polyfill';

/** A span of time in which a zone's offset from UTC stays the same: [start, end), all in milliseconds. */
export interface ZoneSegment {
  start: number;
  end: number;
  offset: number;
}

/** Whether the runtime knows a time zone by this IANA name. Pure. */
export function isTimeZone(name: string): boolean {
  // Excludes offsets such as "+02:00", which Temporal's server refuses.
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

/** Formats an instant as RFC 3339 with the offset of a zone: `2026-11-23T09:00:00+01:00`. Pure. */
export function toLocalTime(zone: string, instant: number): string {
  return zonedAt(zone, instant).toString({ timeZoneName: 'never', smallestUnit: 'second' });
}

/** A cache of the segments of each zone: computing one is slow. */
const known = new Map<string, ZoneSegment[]>();

/** The segment that holds an instant (milliseconds since the epoch). */
export function zoneSegmentAt(zone: string, instant: number): ZoneSegment {
  let segments = known.get(zone);
  if (!segments) known.set(zone, (segments = []));
  const found = segments.find((segment) => segment.start <= instant && instant < segment.end);
  if (found) return found;
  const zoned = zonedAt(zone, instant);
  const segment = {
    // Searches from the next millisecond, so that a transition exactly at `instant` counts as the start.
    start: zonedAt(zone, instant + 1).getTimeZoneTransition('previous')?.epochMilliseconds ?? -Infinity,
    end: zoned.getTimeZoneTransition('next')?.epochMilliseconds ?? Infinity,
    offset: zoned.offsetNanoseconds / 1e6,
  };
  segments.push(segment);
  return segment;
}

/**
 * A change of a zone's clocks. Local times are the UTC milliseconds of the same clock reading. When the clocks go
 * forward, they leave out [localFrom, localTo); when they go back, they show [localFrom, localTo) a second time.
 */
export interface ClockChange {
  instant: number;
  direction: 'forward' | 'back';
  localFrom: number;
  localTo: number;
}

/** The clock change at the start of a segment; undefined if its offset does not change there. */
export function clockChangeAtStart(zone: string, segment: ZoneSegment): ClockChange | undefined {
  if (!Number.isFinite(segment.start)) return undefined;
  const before = zoneSegmentAt(zone, segment.start - 1).offset;
  if (before === segment.offset) return undefined;
  const [localFrom, localTo] = [segment.start + before, segment.start + segment.offset];
  return before < segment.offset
    ? { instant: segment.start, direction: 'forward', localFrom, localTo }
    : { instant: segment.start, direction: 'back', localFrom: localTo, localTo: localFrom };
}

/** The clock changes of a zone in (after, until], ascending. */
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
