import { z } from 'zod';

/** Something that the author of a schedule may not have meant. */
export const Warning = z
  .strictObject({
    code: z.enum(['or_days', 'clock_change', 'missing_day', 'rare', 'frequent', 'counts_from_1970']),
    message: z.string(),
  })
  .meta({
    id: 'Warning',
    example: {
      code: 'or_days',
      message:
        '"0 0 13 * 5" fires on day 13 and on Fridays: either field is enough. dayMatch "and" wants both.',
    },
  });
export type Warning = z.infer<typeof Warning>;
