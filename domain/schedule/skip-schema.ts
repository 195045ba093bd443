import { z } from 'zod';
import { Instant } from '../instant.ts';

/**
 * The most occurrences of a job that are skipped at a time. Each is an exclusion of its Temporal Schedule, which is examined
 * for every occurrence.
 */
export const MAX_SKIPS = 100;

/** An occurrence that somebody has asked to leave out. */
export const Skip = z
  .strictObject({
    at: Instant.meta({ description: 'The nominal time of the occurrence.' }),
    reason: z.string(),
    by: z.string().meta({ description: 'Who asked for it.' }),
    requestedAt: Instant,
  })
  .meta({ id: 'Skip' });
export type Skip = z.infer<typeof Skip>;
