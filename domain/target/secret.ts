import { z } from 'zod';

/** How an answer shows a secret: that there is one. */
export const HiddenSecret = z
  .literal(true)
  .meta({ description: 'There is a secret; it is never shown.', example: true });

/** A secret as its author gives it. `true`, which is what answers show, stands for the one that is stored. */
export const secretOf = (text: z.ZodString) =>
  z.union([text, z.literal(true)]).meta({
    description:
      'Stored encrypted, and never shown: answers say `true`. `true` keeps the one that is stored.',
  });
