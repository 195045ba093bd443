import { z } from 'zod';

/** Where a run stands. All but the first two are final. */
export const RunState = z
  .enum(['queued', 'running', 'succeeded', 'failed', 'cancelled', 'timedOut', 'skipped', 'missed'])
  .meta({ id: 'RunState' });
export type RunState = z.infer<typeof RunState>;
