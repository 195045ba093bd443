import type { JobRow } from '../db/schema.ts';
import { durationMs } from '../domain/duration.ts';
import type { StoredDefinition } from '../domain/job.ts';
import { SECOND_MS } from '../domain/milliseconds.ts';

/** What the author of a job has said, as a request would say it, without its secrets. Pure. */
export function definitionOf(job: JobRow): StoredDefinition {
  return {
    name: job.name,
    description: job.description,
    labels: job.labels,
    schedule: job.schedule,
    target: job.target,
    policy: job.policy,
    retry: job.retry,
    ...(job.timeout === null ? {} : { timeout: job.timeout }),
    ...(job.on_failure === null ? {} : { onFailure: job.on_failure }),
    ...(job.on_recovery === null ? {} : { onRecovery: job.on_recovery }),
  };
}

/** The columns in which a definition is stored. Pure. */
export function columnsOf(definition: StoredDefinition) {
  const { onFailure, onRecovery } = definition;
  return {
    name: definition.name,
    description: definition.description,
    labels: JSON.stringify(definition.labels),
    schedule: JSON.stringify(definition.schedule),
    target: JSON.stringify(definition.target),
    policy: JSON.stringify(definition.policy),
    catchup_seconds: Math.floor(durationMs(definition.policy.catchupWindow) / SECOND_MS),
    retry: JSON.stringify(definition.retry),
    timeout: definition.timeout ?? null,
    on_failure: onFailure ? JSON.stringify(onFailure) : null,
    on_recovery: onRecovery ? JSON.stringify(onRecovery) : null,
  };
}
