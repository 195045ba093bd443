import { z } from 'zod';
import { Instant } from '../instant.ts';

/** More occurrences than these are not backfilled by one request. */
export const MAX_BACKFILL = 1_000;

/** How the runs of a backfill follow each other. */
export const BackfillOverlap = z.enum(['bufferAll', 'allowAll']).meta({ id: 'BackfillOverlap' });
export type BackfillOverlap = z.infer<typeof BackfillOverlap>;

/** Which past occurrences of a job are to run. */
export const BackfillInput = z
  .strictObject({
    from: Instant.meta({ description: 'The first instant that counts.', example: '2026-11-01T00:00:00Z' }),
    to: Instant.meta({
      description: 'The last instant that counts; not in the future.',
      example: '2026-11-08T00:00:00Z',
    }),
    overlap: BackfillOverlap.default('bufferAll').meta({
      description: 'One run after another (bufferAll), or all at once (allowAll).',
    }),
    onlyMissing: z.boolean().default(false).meta({
      description: 'Only occurrences that have no run: neither one of the schedule nor one of a backfill.',
    }),
  })
  .meta({ id: 'BackfillInput' });
export type BackfillInput = z.infer<typeof BackfillInput>;

/** A backfill that was accepted. */
export const Backfill = z
  .strictObject({
    id: z.uuid(),
    jobId: z.uuid(),
    overlap: BackfillOverlap,
    count: z.int().meta({ description: 'How many runs it has made, all queued.' }),
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
