import type { Calendar } from './calendar.ts';

/** What happens to a fixed local time that the clocks leave out, or show twice. */
export interface ClockChangeRules {
  /** `shift`: it fires at the first instant after the gap. `skip`: it does not fire. */
  gap: 'shift' | 'skip';
  /** `first`: only the first of the two. `both`: both. */
  repeat: 'first' | 'both';
}

/** A fixed distance between occurrences: every instant that is a multiple of `everyMs` since the epoch, plus `offsetMs`. */
export interface Interval {
  everyMs: number;
  offsetMs: number;
}

/** A schedule reduced to what it means: local times in one zone, intervals and instants, within bounds. Plain data. */
export interface Recurrence {
  calendars: (ClockChangeRules & { calendar: Calendar })[];
  intervals: Interval[];
  /** Milliseconds since the epoch, whole seconds. */
  instants: number[];
  /** Local times at which it does not fire after all. */
  exclude: Calendar[];
  timeZone: string;
  /** Milliseconds since the epoch, a whole second, inclusive. */
  startAt?: number;
  /** Milliseconds since the epoch, a whole second, inclusive. */
  endAt?: number;
}
