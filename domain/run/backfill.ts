import { z } from 'zod';
import { Instant } from '../instant.ts';

/** The most occurrences that one request can backfill. */
export const MAX_BACKFILL = 1_000;

/** Whether the runs of a backfill start one after another or all at once. */
export const BackfillOverlap = z.enum(['bufferAll', 'allowAll']).meta({ id: 'BackfillOverlap' });
export type BackfillOverlap = z.infer<typeof BackfillOverlap>;

/** The body of a request that runs past occurrences of a job. */
export const BackfillInput = z
  .strictObject({
    from: Instant.meta({ description: 'The first instant, included.', example: '2026-11-01T00:00:00Z' }),
    to: Instant.meta({
      description: 'The last instant, included; must not be in the future.',
      example: '2026-11-08T00:00:00Z',
    }),
    overlap: BackfillOverlap.default('bufferAll').meta({
      description: 'One run after another (bufferAll), or all at once (allowAll).',
    }),
    onlyMissing: z.boolean().default(false).meta({
      description: 'Only occurrences that have no run, neither from the schedule nor from a backfill.',
    }),
  })
  .meta({ id: 'BackfillInput' });
export type BackfillInput = z.infer<typeof BackfillInput>;

/** An accepted backfill. */
export const Backfill = z
  .strictObject({
    id: z.uuid(),
    jobId: z.uuid(),
    overlap: BackfillOverlap,
    count: z.int().meta({ description: 'The number of runs that it created, all queued.' }),
  })
  .meta({
    id: 'Backfill',
    example: {
      id: '01a2047b-f3bf-75a1-b4d3-c8083758e9d4',
      jobId: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
      overlap: 'bufferAll',
      count: 7,
    },
  });
export type Backfill = z.infer<typeof Backfill>;
