import { z } from 'zod';
import { Instant } from '../instant.ts';
import { ReasonCode } from './reasons.ts';
import { RunState } from './run-state.ts';

/** The names of the hooks; each is also the trigger of the runs that call it. */
export const HOOKS = ['onFailure', 'onRecovery'] as const;
export type HookName = (typeof HOOKS)[number];

/** Whether a run with this trigger calls a hook rather than the target of its job. Pure. */
export const isHook = (trigger: string): trigger is HookName =>
  (HOOKS as readonly string[]).includes(trigger);

/** The scheduled run whose end caused a hook to be called. */
export const HookCause = z
  .strictObject({
    runId: z.uuid(),
    scheduledAt: Instant,
    state: RunState,
    reason: z.string().nullable(),
    reasonCode: ReasonCode.nullable()
      .optional()
      .meta({ description: 'Missing from causes that an earlier version recorded.' }),
    consecutiveFailures: z
      .int()
      .meta({ description: 'The number of scheduled runs that had failed in a row.' }),
  })
  .meta({ id: 'HookCause', description: 'The run whose end caused the hook to be called.' });
export type HookCause = z.infer<typeof HookCause>;
