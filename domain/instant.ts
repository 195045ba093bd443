import { z } from 'zod';

const FIRST = Date.UTC(1900, 0, 1);
const END = Date.UTC(2101, 0, 1);

const notAnInstant = (input: string) =>
  `${JSON.stringify(input.slice(0, 64))} is not an instant; write RFC 3339 with an offset, such as "2026-12-24T18:00:00+01:00"`;

const notATime = (input: string) =>
  `${JSON.stringify(input.slice(0, 64))} is not a time; write RFC 3339 with an offset, such as "2026-12-24T18:00:00+01:00", or without one, which is local time in timeZone`;

/** What is wrong with where an instant lies; undefined: nothing. */
function misplaced(text: string, epochMs: number): string | undefined {
  if (epochMs < FIRST) return `${text} lies before the year 1900, the first that is taken`;
  if (epochMs >= END) return `${text} lies after the year 2100, the last that is taken (in UTC)`;
  return undefined;
}

/** A zod schema for an instant as RFC 3339 with an offset, such as `"2026-12-24T18:00:00+01:00"`. */
export const Instant = z.iso
  .datetime({
    offset: true,
    abort: true,
    // What is no text at all is told so as everywhere.
    error: ({ input }) => (typeof input === 'string' ? notAnInstant(input) : undefined),
  })
  .refine((text) => misplaced(text, Date.parse(text)) === undefined, {
    error: ({ input }) => misplaced(String(input), Date.parse(String(input))),
  });

const DateTime = z.iso.datetime({ offset: true, local: true });
const epochOf = (text: string) => Date.parse(isLocalTime(text) ? `${text}Z` : text);

/** An instant, or a local time: the same without an offset, such as `"2026-12-24T18:00:00"`. */
export const InstantOrLocalTime = z
  .string()
  .refine((text) => DateTime.safeParse(text).success, {
    abort: true,
    error: ({ input }) => notATime(String(input)),
  })
  .refine((text) => misplaced(text, epochOf(text)) === undefined, {
    error: ({ input }) => misplaced(String(input), epochOf(String(input))),
  })
  // No date-time of JSON Schema, which always has an offset.
  .meta({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d' });

/** An instant in a query, where a plus sign that was not escaped arrives as a blank: `18:00:00 01:00`. */
export const QueryInstant = z.preprocess(
  (text) => (typeof text === 'string' ? text.replace(/ (?=\d\d:\d\d$)/, '+') : text),
  Instant,
);

/** Whether a text that a schema has accepted names no offset from UTC. */
export function isLocalTime(text: string): boolean {
  return !/(?:Z|[+-]\d\d:?\d\d)$/i.test(text);
}

/** The first whole second that is not before the instant, in milliseconds since the epoch: schedules have no finer grain. */
export function ceilToSecond(instant: string): number {
  return Math.ceil(Date.parse(instant) / 1_000) * 1_000;
}

/** An instant as this service writes it: RFC 3339 in UTC, without milliseconds where they are zero. */
export function toInstant(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('.000Z', 'Z');
}
