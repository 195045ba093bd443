import { z } from 'zod';
import { durationSchema, parseDuration } from '../duration.ts';
import { DAY_MS, MINUTE_MS } from '../milliseconds.ts';
import { LATE_CONDITIONS } from '../run/hook-trigger.ts';
import { StoredHttpTarget, httpTargetWith } from '../target/http-target.ts';
import { PLACEHOLDERS } from '../target/placeholder.ts';
import { Retry } from '../target/retry.ts';

// Hooks: HTTP calls that a job makes when its runs keep failing or it is late, and when it is well again.

/** The placeholders of a hook's body, besides those of every target. */
export const HOOK_PLACEHOLDERS = [
  'jobName',
  'causeRunId',
  'causeState',
  'reason',
  'consecutiveFailures',
] as const;

const HookTarget = httpTargetWith([...PLACEHOLDERS, ...HOOK_PLACEHOLDERS]).meta({
  id: 'HookTarget',
  description: `An HTTP call. Without a \`body\` or \`bodyBase64\`, any method but GET and HEAD carries \`{ event, job, run, consecutiveFailures }\`. Its body may also hold ${HOOK_PLACEHOLDERS.map((name) => `\`{{${name}}}\``).join(', ')}.`,
});

/** The placeholders of the bodies of `onLate` and `onTime`, besides those of every target. */
export const LATE_PLACEHOLDERS = ['jobName', 'lateCondition', 'lateSince', 'lateScheduledAt'] as const;

const LateHookTarget = httpTargetWith([...PLACEHOLDERS, ...LATE_PLACEHOLDERS]).meta({
  id: 'LateHookTarget',
  description: `An HTTP call. Without a \`body\` or \`bodyBase64\`, any method but GET and HEAD carries \`{ event, job, late }\`. Its body may also hold ${LATE_PLACEHOLDERS.map((name) => `\`{{${name}}}\``).join(', ')}.`,
});

const HookRetry = Retry.extend({ maxAttempts: Retry.shape.maxAttempts.unwrap().default(10) }).meta({
  id: 'HookRetry',
  description: 'As the `retry` of a job, but with 10 attempts by default.',
});

const within = (description: string, example: string) =>
  durationSchema({ minMs: MINUTE_MS, maxMs: 30 * DAY_MS })
    .optional()
    .meta({ description, example });

/** A duration that is no valid one has a fault of its own. */
const isFinishAfterStart = (hook: {
  startWithin?: string | undefined;
  finishWithin?: string | undefined;
}) => {
  const [start, finish] = [parseDuration(hook.startWithin ?? ''), parseDuration(hook.finishWithin ?? '')];
  return start === undefined || finish === undefined || finish >= start;
};

const hooksWith = <TargetFields extends z.ZodType, LateTarget extends z.ZodType>(
  target: TargetFields,
  lateTarget: LateTarget,
) => {
  const call = {
    target,
    retry: HookRetry.prefault({}),
  };
  const lateCall = { ...call, target: lateTarget };
  return {
    onFailure: z
      .strictObject({
        after: z.int().min(1).max(1_000).default(1).meta({
          description: 'The number of scheduled runs in a row that must fail.',
          example: 3,
        }),
        ...call,
      })
      .optional()
      .meta({ description: 'Called once when `after` scheduled runs have failed in a row.' }),
    onRecovery: z.strictObject(call).optional().meta({
      description:
        'Called once when a scheduled run succeeds after at least `onFailure.after` failures in a row (1 without `onFailure`).',
    }),
    onLate: z
      .strictObject({
        startWithin: within(
          'An occurrence that has not begun this long after its nominal time, and its jitter, is late. No longer than the shortest interval of the schedule.',
          '10m',
        ),
        finishWithin: within('The same for one that has not ended.', '1h'),
        noSuccessFor: durationSchema({ minMs: MINUTE_MS, maxMs: 366 * DAY_MS })
          .optional()
          .meta({
            description: 'The job is late when no run has succeeded for this long while it was active.',
            example: '25h',
          }),
        skippedInARow: z.int().min(1).max(1_000).optional().meta({
          description:
            'The job is late when this many occurrences in a row were missed, or skipped by the overlap policy.',
          example: 3,
        }),
        ...lateCall,
      })
      .refine((hook) => LATE_CONDITIONS.some((name) => hook[name] !== undefined), {
        error: `give at least one condition: ${LATE_CONDITIONS.join(', ')}`,
      })
      .refine(isFinishAfterStart, {
        path: ['finishWithin'],
        error: 'is shorter than startWithin; an occurrence cannot end before it begins',
      })
      .optional()
      .meta({
        description:
          'Called once when one of its conditions is met, although nothing ran; not again before the job was on time.',
      }),
    onTime: z.strictObject(lateCall).optional().meta({
      description: 'Called once when a job that was late by `onLate` is on time again.',
    }),
  };
};

/** The hooks of a job in requests. */
export const hooks = hooksWith(HookTarget, LateHookTarget);

/** The hooks of a job as stored and in responses, without secrets. */
export const storedHooks = hooksWith(StoredHttpTarget, StoredHttpTarget);

export type FailureHook = NonNullable<z.infer<typeof storedHooks.onFailure>>;
export type RecoveryHook = NonNullable<z.infer<typeof storedHooks.onRecovery>>;
export type LateHook = NonNullable<z.infer<typeof storedHooks.onLate>>;
export type OnTimeHook = NonNullable<z.infer<typeof storedHooks.onTime>>;
