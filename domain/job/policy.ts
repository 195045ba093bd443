import { z } from 'zod';
import { durationSchema } from '../duration.ts';
import { nameText } from '../text.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';

/** The most attempts in any sliding window of the length `per`. */
const RateLimit = z
  .strictObject({
    max: z.int().min(1).max(10_000).meta({ example: 10 }),
    per: durationSchema({ minMs: SECOND_MS, maxMs: DAY_MS }).meta({ example: '1m' }),
  })
  .meta({ id: 'RateLimit' });

/** What happens when runs overlap, are late or fail, when a limit is reached, and when the job is completed. */
export const Policy = z
  .strictObject({
    overlap: z
      .enum(['skip', 'bufferOne', 'bufferAll', 'cancelOther', 'terminateOther', 'allowAll'])
      .default('skip')
      .meta({
        description:
          'What happens when an occurrence is due while a run is open: skip it; start one (bufferOne) or all (bufferAll) afterwards; cancel (cancelOther) or terminate (terminateOther) the open run; or run both (allowAll).',
      }),
    catchupWindow: durationSchema({ minMs: 10_000, maxMs: 365 * DAY_MS })
      .default('1h')
      .meta({
        description: 'How late an occurrence may still start; after that it is missed.',
        example: '1h',
      }),
    pauseAfterFailures: z
      .int()
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: 'The job is paused after this many failed scheduled runs in a row.', example: 3 }),
    onCompletion: z
      .enum(['keep', 'delete'])
      .default('keep')
      .meta({ description: 'What happens to the job after its last occurrence.' }),
    concurrencyKey: nameText(200).min(1).optional().meta({
      description:
        'Jobs of a namespace with the same key share `maxConcurrent` and `rateLimit`. Without a key, they apply to this job alone.',
      example: 'billing-api',
    }),
    maxConcurrent: z.int().min(1).max(10_000).optional().meta({
      description: 'The most attempts with the key at the same time; others wait for a permit.',
      example: 3,
    }),
    rateLimit: RateLimit.optional().meta({
      description: 'The most attempts with the key in any window of this length; others wait for a permit.',
    }),
  })
  .refine(
    ({ concurrencyKey, maxConcurrent, rateLimit }) =>
      concurrencyKey === undefined || maxConcurrent !== undefined || rateLimit !== undefined,
    { path: ['concurrencyKey'], error: 'limits nothing by itself; add maxConcurrent or rateLimit' },
  )
  .meta({ id: 'Policy' });
export type Policy = z.infer<typeof Policy>;
