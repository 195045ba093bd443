import { z } from 'zod';
import { durationSchema } from '../duration.ts';
import { nameText } from '../text.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';

/** How many attempts may arrive at a target in any stretch of time. */
const RateLimit = z
  .strictObject({
    max: z.int().min(1).max(10_000).meta({ example: 10 }),
    per: durationSchema({ minMs: SECOND_MS, maxMs: DAY_MS }).meta({ example: '1m' }),
  })
  .meta({ id: 'RateLimit' });

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
    concurrencyKey: nameText(200).min(1).optional().meta({
      description:
        'Jobs of one namespace with the same key share `maxConcurrent` and `rateLimit`; without a key, they are those of this job alone.',
      example: 'billing-api',
    }),
    maxConcurrent: z.int().min(1).max(10_000).optional().meta({
      description: 'At most so many attempts with the key are under way at once; others wait for their turn.',
      example: 3,
    }),
    rateLimit: RateLimit.optional().meta({
      description:
        'At most so many attempts with the key arrive in any such time; others wait for their turn.',
    }),
  })
  .refine(
    ({ concurrencyKey, maxConcurrent, rateLimit }) =>
      concurrencyKey === undefined || maxConcurrent !== undefined || rateLimit !== undefined,
    { path: ['concurrencyKey'], error: 'limits nothing by itself; add maxConcurrent or rateLimit' },
  )
  .meta({ id: 'Policy' });
export type Policy = z.infer<typeof Policy>;
