import { z } from 'zod';

/** The state of a run. All but `queued` and `running` are final. */
export const RunState = z
  .enum(['queued', 'running', 'succeeded', 'failed', 'cancelled', 'timedOut', 'skipped', 'missed'])
  .meta({ id: 'RunState' });
export type RunState = z.infer<typeof RunState>;

/** Tells whether a run has not ended. Pure. */
export const isOpenState = (state: RunState) => state === 'queued' || state === 'running';

/** The states of an occurrence that never became a run: it does not count for `maxRuns`, and a backfill makes up for it. */
export const STATES_WITHOUT_RUN = ['skipped', 'missed'] as const satisfies RunState[];
