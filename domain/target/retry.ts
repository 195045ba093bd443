import { z } from 'zod';
import { durationMs, durationSchema } from '../duration.ts';
import { STATUS_DEFAULTS, StatusList } from './http-status.ts';
import { DAY_MS } from '../milliseconds.ts';

/** How many attempts a run makes, and how long it waits between them. */
export const Retry = z
  .strictObject({
    maxAttempts: z
      .int()
      .min(1)
      .max(100)
      .default(5)
      .meta({ description: 'The most attempts of a run, including the first.' }),
    initialInterval: durationSchema({ minMs: 100, maxMs: DAY_MS })
      .default('1s')
      .meta({ description: 'The wait before the second attempt.', example: '1s' }),
    backoffCoefficient: z
      .number()
      .min(1)
      .max(10)
      .default(2)
      .meta({ description: 'Each further wait is longer by this factor.' }),
    maxInterval: durationSchema({ minMs: 100, maxMs: 7 * DAY_MS })
      .default('5m')
      .meta({ description: 'The longest wait, unless the target asks for a longer one.', example: '5m' }),
    respectRetryAfter: z.boolean().default(true).meta({
      description:
        'Whether Retry-After in a 429 or 503 response can lengthen the next wait, to at most a day. It never shortens it.',
    }),
    retryStatus: StatusList.default(STATUS_DEFAULTS.retryStatus).meta({
      description:
        'The statuses after which the call is retried. Any other status that is not a success is final. Connection errors and timeouts are always retried.',
      example: [408, 425, 429, '500-599'],
    }),
  })
  .meta({ id: 'Retry' });
export type Retry = z.infer<typeof Retry>;

/**
 * Milliseconds to wait after an attempt (1 for the first) before the next one. `askedForMs` is the wait that the target
 * asked for. Pure.
 */
export function retryDelayMs(retry: Retry, attemptNumber: number, askedForMs = 0): number {
  const delay = durationMs(retry.initialInterval) * retry.backoffCoefficient ** (attemptNumber - 1);
  return Math.max(Math.min(delay, durationMs(retry.maxInterval)), retry.respectRetryAfter ? askedForMs : 0);
}
