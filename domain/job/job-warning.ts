import { z } from 'zod';

/** A hint that a job may not do what its author meant. A schedule has warnings of its own. */
export const JobWarning = z
  .strictObject({ path: z.string(), code: z.enum(['json_as_text']), message: z.string() })
  .meta({
    id: 'JobWarning',
    example: {
      path: 'target.body',
      code: 'json_as_text',
      message:
        'the body is a text that holds JSON, and goes as text/plain; give the JSON itself, not in quotes, or set the header Content-Type',
    },
  });
export type JobWarning = z.infer<typeof JobWarning>;
