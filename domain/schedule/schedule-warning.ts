import { z } from 'zod';

/** A hint that a schedule may not do what its author meant. */
export const Warning = z
  .strictObject({
    code: z.enum([
      'or_days',
      'clock_change',
      'missing_day',
      'rare',
      'frequent',
      'counts_from_1970',
      'calendar_ends',
    ]),
    message: z.string(),
  })
  .meta({
    id: 'Warning',
    example: {
      code: 'or_days',
      message:
        '"0 0 13 * 5" restricts the day of month and the day of week: it fires when either matches. With dayMatch "and" both must.',
    },
  });
export type Warning = z.infer<typeof Warning>;
