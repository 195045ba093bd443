import { z } from 'zod';

/** A secret in responses: only that there is one. */
export const HiddenSecret = z
  .literal(true)
  .meta({ description: 'There is a secret, which is never shown.', example: true });

/** The schema of a secret in requests: its text, or `true` to keep the stored one. */
export const secretOf = (text: z.ZodString) =>
  z.union([text, z.literal(true)]).meta({
    description:
      'Stored encrypted and never shown: responses hold `true`. Send `true` to keep the stored secret.',
  });
