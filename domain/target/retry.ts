import { z } from 'zod';
import { durationMs, durationSchema } from '../duration.ts';
import { STATUS_DEFAULTS, StatusList } from './http-status.ts';
import { DAY_MS } from '../milliseconds.ts';

/** How often a run tries its call, and how long it waits in between. */
export const Retry = z
  .strictObject({
    maxAttempts: z
      .int()
      .min(1)
      .max(100)
      .default(5)
      .meta({ description: 'Calls of one run at most, the first one included.' }),
    initialInterval: durationSchema({ minMs: 100, maxMs: DAY_MS })
      .default('1s')
      .meta({ description: 'Wait before the second call.', example: '1s' }),
    backoffCoefficient: z
      .number()
      .min(1)
      .max(10)
      .default(2)
      .meta({ description: 'Each further wait is this many times as long.' }),
    maxInterval: durationSchema({ minMs: 100, maxMs: 7 * DAY_MS })
      .default('5m')
      .meta({ description: 'No wait is longer, unless the target asks for it.', example: '5m' }),
    respectRetryAfter: z.boolean().default(true).meta({
      description:
        'Whether a 429 or 503 answer with Retry-After makes the next wait longer, by up to a day. It never makes it shorter.',
    }),
    retryStatus: StatusList.default(STATUS_DEFAULTS.retryStatus).meta({
      description:
        'Answers after which the call is made again; any other that is no success is final. Broken connections and timeouts are always worth another call.',
      example: [408, 425, 429, '500-599'],
    }),
  })
  .meta({ id: 'Retry' });
export type Retry = z.infer<typeof Retry>;

/**
 * Milliseconds to wait after the given call (1 for the first) before the next one. `askedForMs` is what the target asked
 * for. Pure.
 */
export function retryDelayMs(retry: Retry, attemptNumber: number, askedForMs = 0): number {
  const delay = durationMs(retry.initialInterval) * retry.backoffCoefficient ** (attemptNumber - 1);
  return Math.max(Math.min(delay, durationMs(retry.maxInterval)), retry.respectRetryAfter ? askedForMs : 0);
}
