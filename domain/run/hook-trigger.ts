import { z } from 'zod';
import { Instant } from '../instant.ts';
import { ReasonCode } from './reasons.ts';
import { RunState } from './run-state.ts';

/** The names of the hooks; each is also the trigger of the runs that call it. */
export const HOOKS = ['onFailure', 'onRecovery', 'onLate', 'onTime'] as const;
export type HookName = (typeof HOOKS)[number];

/** Whether a run with this trigger calls a hook rather than the target of its job. Pure. */
export const isHook = (trigger: string): trigger is HookName =>
  (HOOKS as readonly string[]).includes(trigger);

/** The hooks that lateness causes (domain/job/lateness.ts), rather than the end of a run. */
export const LATE_HOOKS = ['onLate', 'onTime'] as const satisfies readonly HookName[];

/** The conditions of `onLate`. */
export const LATE_CONDITIONS = ['startWithin', 'finishWithin', 'noSuccessFor', 'skippedInARow'] as const;

/** An episode in which a job is late. */
export const Lateness = z
  .strictObject({
    condition: z.enum(LATE_CONDITIONS).meta({ description: 'The condition of `onLate` that was met first.' }),
    since: Instant.meta({ description: 'When that was.' }),
    scheduledAt: Instant.nullable().meta({
      description: 'The nominal time of the occurrence that met it; null for `noSuccessFor`.',
    }),
  })
  .meta({ id: 'Lateness', description: 'Since when a job is late, and by which condition of `onLate`.' });
export type Lateness = z.infer<typeof Lateness>;

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
