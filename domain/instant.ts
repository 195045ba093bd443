import { z } from 'zod';

const FIRST = Date.UTC(1900, 0, 1);
const END = Date.UTC(2101, 0, 1);

const notAnInstant = (input: string) =>
  `${JSON.stringify(input.slice(0, 64))} is not an instant; write RFC 3339 with an offset, such as "2026-12-24T18:00:00+01:00"`;

const notATime = (input: string) =>
  `${JSON.stringify(input.slice(0, 64))} is not a time; write RFC 3339 with an offset, such as "2026-12-24T18:00:00+01:00", or without one for local time in timeZone`;

/** Says why an instant is out of range; undefined if it is not. */
function describeOutOfRange(text: string, epochMs: number): string | undefined {
  if (epochMs < FIRST) return `${text} lies before the year 1900, the earliest that is accepted`;
  if (epochMs >= END) return `${text} lies after the year 2100, the latest that is accepted (in UTC)`;
  return undefined;
}

/** A zod schema for an instant as RFC 3339 with an offset, such as `"2026-12-24T18:00:00+01:00"`. */
export const Instant = z.iso
  .datetime({
    offset: true,
    abort: true,
    // Undefined leaves zod's own message, for an input that is not a string.
    error: ({ input }) => (typeof input === 'string' ? notAnInstant(input) : undefined),
  })
  .refine((text) => describeOutOfRange(text, Date.parse(text)) === undefined, {
    error: ({ input }) => describeOutOfRange(String(input), Date.parse(String(input))),
  });

const DateTime = z.iso.datetime({ offset: true, local: true });
const epochOf = (text: string) => Date.parse(isLocalTime(text) ? `${text}Z` : text);

/** A zod schema for an instant, or for a local time: the same without an offset, such as `"2026-12-24T18:00:00"`. */
export const InstantOrLocalTime = z
  .string()
  .refine((text) => DateTime.safeParse(text).success, {
    abort: true,
    error: ({ input }) => notATime(String(input)),
  })
  .refine((text) => describeOutOfRange(text, epochOf(text)) === undefined, {
    error: ({ input }) => describeOutOfRange(String(input), epochOf(String(input))),
  })
  // Not the format date-time of JSON Schema, which requires an offset.
  .meta({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d' });

/** An instant in a query string, where an unescaped plus sign arrives as a space: `18:00:00 01:00`. */
export const QueryInstant = z.preprocess(
  (text) => (typeof text === 'string' ? text.replace(/ (?=\d\d:\d\d$)/, '+') : text),
  Instant,
);

/** Whether a text that `InstantOrLocalTime` has accepted is a local time. Pure. */
export function isLocalTime(text: string): boolean {
  return !/(?:Z|[+-]\d\d:?\d\d)$/i.test(text);
}

/** An instant rounded up to a whole second, the resolution of schedules, in milliseconds since the epoch. Pure. */
export function ceilToSecond(instant: string): number {
  return Math.ceil(Date.parse(instant) / 1_000) * 1_000;
}

/** Formats an instant as RFC 3339 in UTC, without milliseconds if they are zero. Pure. */
export function toInstant(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('.000Z', 'Z');
}
