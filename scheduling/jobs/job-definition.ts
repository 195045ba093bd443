import type { JobRow } from '../../db/schema.ts';
import { durationMs } from '../../domain/duration.ts';
import type { ShownDefinition, StoredDefinition } from '../../domain/job/job.ts';
import { asRequested } from '../../domain/schedule/as-requested.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';

/** The definition of a job as a request would give it, without its secrets. Pure. */
export function definitionOf(job: JobRow): ShownDefinition {
  return {
    name: job.name,
    description: job.description,
    labels: job.labels,
    schedule: asRequested(job.schedule),
    target: job.target,
    policy: job.policy,
    retry: job.retry,
    ...(job.timeout === null ? {} : { timeout: job.timeout }),
    ...(job.on_failure === null ? {} : { onFailure: job.on_failure }),
    ...(job.on_recovery === null ? {} : { onRecovery: job.on_recovery }),
    ...(job.on_late === null ? {} : { onLate: job.on_late }),
    ...(job.on_time === null ? {} : { onTime: job.on_time }),
  };
}

/** A definition as the columns of a job's row, read or inserted. Pure. */
export function rowOf({ onFailure, onRecovery, onLate, onTime, ...definition }: StoredDefinition) {
  return {
    ...definition,
    ...calendarColumns(definition.schedule),
    catchup_seconds: Math.floor(durationMs(definition.policy.catchupWindow) / SECOND_MS),
    timeout: definition.timeout ?? null,
    on_failure: onFailure ?? null,
    on_recovery: onRecovery ?? null,
    on_late: onLate ?? null,
    on_time: onTime ?? null,
  };
}

/** Which calendar a schedule uses, and which generation of its working days. */
function calendarColumns(schedule: StoredDefinition['schedule']) {
  const businessDays = 'businessDays' in schedule ? schedule.businessDays : undefined;
  return {
    calendar_id: businessDays?.calendarId ?? null,
    calendar_generation: businessDays?.generation ?? null,
  };
}

/** A definition as the columns of an update. Pure. */
export function columnsOf(definition: StoredDefinition) {
  const { labels, schedule, target, policy, retry, on_failure, on_recovery, on_late, on_time, ...row } =
    rowOf(definition);
  return {
    ...row,
    labels: JSON.stringify(labels),
    schedule: JSON.stringify(schedule),
    target: JSON.stringify(target),
    policy: JSON.stringify(policy),
    retry: JSON.stringify(retry),
    on_failure: on_failure && JSON.stringify(on_failure),
    on_recovery: on_recovery && JSON.stringify(on_recovery),
    on_late: on_late && JSON.stringify(on_late),
    on_time: on_time && JSON.stringify(on_time),
  };
}
