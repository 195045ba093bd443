import { z } from 'zod';

/** A zod schema for an instant as RFC 3339 with an offset, such as `"2026-12-24T18:00:00+01:00"`. */
export const Instant = z.iso
  .datetime({
    offset: true,
    abort: true,
    // What is no text at all is told so as everywhere.
    error: ({ input }) =>
      typeof input !== 'string'
        ? undefined
        : `${JSON.stringify(input.slice(0, 64))} is not an instant; write RFC 3339 with an offset, such as "2026-12-24T18:00:00+01:00"`,
  })
  .refine((text) => Math.abs(Date.parse(text)) <= Date.UTC(2100, 11, 31), {
    error: 'the instant must lie before the end of the year 2100',
  });

/** The first whole second that is not before the instant, in milliseconds since the epoch: schedules have no finer grain. */
export function wholeSecondFrom(instant: string): number {
  return Math.ceil(Date.parse(instant) / 1_000) * 1_000;
}

/** An instant as this service writes it: RFC 3339 in UTC, without milliseconds where they are zero. */
export function toInstant(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('.000Z', 'Z');
}
