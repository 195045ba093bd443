import { z } from 'zod';
import { durationSchema } from './duration.ts';
import { DAY_MS } from './milliseconds.ts';

/** How a job deals with runs that overlap, come late or fail, and with its own end. */
export const Policy = z
  .strictObject({
    overlap: z
      .enum(['skip', 'bufferOne', 'bufferAll', 'cancelOther', 'terminateOther', 'allowAll'])
      .default('skip')
      .meta({
        description:
          'When an occurrence is due while a run goes on: skip it; start one (bufferOne) or all (bufferAll) afterwards; end the other run, asking (cancelOther) or not (terminateOther); or run both (allowAll).',
      }),
    catchupWindow: durationSchema({ minMs: 10_000, maxMs: 365 * DAY_MS })
      .default('1h')
      .meta({ description: 'How late an occurrence may still start; later it is missed.', example: '1h' }),
    pauseAfterFailures: z
      .int()
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: 'The job is paused after so many failed scheduled runs in a row.', example: 3 }),
    onCompletion: z
      .enum(['keep', 'delete'])
      .default('keep')
      .meta({ description: 'What becomes of the job after its last occurrence.' }),
  })
  .meta({ id: 'Policy' });
export type Policy = z.infer<typeof Policy>;
