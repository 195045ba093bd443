import { z } from 'zod';
import { StoredHttpTarget, httpTargetWith } from '../target/http-target.ts';
import { PLACEHOLDERS } from '../target/placeholder.ts';
import { Retry } from '../target/retry.ts';

// Hooks: HTTP calls that a job makes when its runs keep failing, and when they succeed again.

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

const HookRetry = Retry.extend({ maxAttempts: Retry.shape.maxAttempts.unwrap().default(10) }).meta({
  id: 'HookRetry',
  description: 'As the `retry` of a job, but with 10 attempts by default.',
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
  };
};

/** The hooks of a job in requests. */
export const hooks = hooksWith(HookTarget);

/** The hooks of a job as stored and in responses, without secrets. */
export const storedHooks = hooksWith(StoredHttpTarget);

export type FailureHook = NonNullable<z.infer<typeof storedHooks.onFailure>>;
export type RecoveryHook = NonNullable<z.infer<typeof storedHooks.onRecovery>>;
