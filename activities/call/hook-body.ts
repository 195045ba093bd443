import type { BegunRun } from '../../db/runs/begin-run.ts';
import { isHook, type HookName } from '../../domain/run/hook-trigger.ts';
import { type HOOK_PLACEHOLDERS } from '../../domain/job/hook.ts';
import { lacksBody, type StoredHttpTarget } from '../../domain/target/http-target.ts';
import type { AnyPlaceholderValues, PlaceholderValues } from '../../domain/target/placeholder.ts';

const EVENTS: Record<HookName, string> = { onFailure: 'job.failing', onRecovery: 'job.recovered' };

/**
 * What a hook says: its own placeholders have values, and without a body of its author's it has one that tells of the
 * job and of the run that made it speak. The target of a job stays as it is. Pure.
 */
export function withHookBody(
  { trigger, job, cause }: Pick<BegunRun, 'trigger' | 'job' | 'cause'>,
  target: StoredHttpTarget,
  values: PlaceholderValues,
): { target: StoredHttpTarget; values: AnyPlaceholderValues } {
  if (cause === null || !isHook(trigger)) return { target, values: { ...values } };
  const { runId, state, reason, scheduledAt, consecutiveFailures } = cause;
  const ofHook: Record<(typeof HOOK_PLACEHOLDERS)[number], string> = {
    jobName: job.name,
    causeRunId: runId,
    causeState: state,
    reason: reason ?? '',
    consecutiveFailures: String(consecutiveFailures),
  };
  const { id, name, namespace, labels } = job;
  const body = {
    event: EVENTS[trigger],
    job: { id, name, namespace, labels },
    run: { id: runId, scheduledAt, state, reason },
    consecutiveFailures,
  };
  return { target: lacksBody(target) ? { ...target, body } : target, values: { ...values, ...ofHook } };
}
