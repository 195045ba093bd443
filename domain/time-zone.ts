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
