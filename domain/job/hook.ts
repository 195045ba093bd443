import { z } from 'zod';
import { StoredHttpTarget, httpTargetWith } from '../target/http-target.ts';
import { PLACEHOLDERS } from '../target/placeholder.ts';
import { Retry } from '../target/retry.ts';

// Calls that a job makes when it keeps failing, and when it is well again.

/** What may stand in the body of a hook, besides what may stand in every target. */
export const HOOK_PLACEHOLDERS = [
  'jobName',
  'causeRunId',
  'causeState',
  'reason',
  'consecutiveFailures',
] as const;

const HookTarget = httpTargetWith([...PLACEHOLDERS, ...HOOK_PLACEHOLDERS]).meta({
  id: 'HookTarget',
  description: `An HTTP call. Without a \`body\` or \`bodyBase64\`, any method but GET and HEAD carries \`{ event, job, run, consecutiveFailures }\`. Its body may hold ${HOOK_PLACEHOLDERS.map((name) => `\`{{${name}}}\``).join(', ')} as well.`,
});

const HookRetry = Retry.extend({ maxAttempts: Retry.shape.maxAttempts.unwrap().default(10) }).meta({
  id: 'HookRetry',
  description: 'As `retry` of a job, but ten calls if nothing else is said.',
});

const hooksWith = <TargetFields extends z.ZodType>(target: TargetFields) => {
  const call = {
    target,
    retry: HookRetry.prefault({}),
  };
  return {
    onFailure: z
      .strictObject({
        after: z.int().min(1).max(1_000).default(1).meta({
          description: 'How many scheduled runs have to fail in a row.',
          example: 3,
        }),
        ...call,
      })
      .optional()
      .meta({ description: 'Called once when that many scheduled runs have failed in a row.' }),
    onRecovery: z.strictObject(call).optional().meta({
      description:
        'Called once when a scheduled run succeeds again. `onFailure.after` (1 without `onFailure`) says how many failures make it worth a call.',
    }),
  };
};

/** The hooks of a job, as their author gives them. */
export const hooks = hooksWith(HookTarget);

/** The same as they are stored and answered. */
export const storedHooks = hooksWith(StoredHttpTarget);

export type FailureHook = NonNullable<z.infer<typeof storedHooks.onFailure>>;
export type RecoveryHook = NonNullable<z.infer<typeof storedHooks.onRecovery>>;
