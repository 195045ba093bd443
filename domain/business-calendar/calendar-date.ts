import { z } from 'zod';

/** A date without a time, from 2000 to 2100. */
export const CalendarDate = z.iso
  .date({
    abort: true,
    error: ({ input }) =>
      typeof input !== 'string'
        ? undefined
        : `${JSON.stringify(input.slice(0, 40))} is not a date; write one such as "2026-12-25"`,
  })
  .refine((text) => text >= '2000-01-01' && text <= '2100-12-31', {
    error: 'the date must lie from 2000 to 2100',
  });
