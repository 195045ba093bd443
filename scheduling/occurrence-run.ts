import type { JobRow, NewRun } from '../db/schema.ts';
import { toInstant } from '../domain/instant.ts';
import { runIdOfOccurrence, scheduleIdOf } from '../domain/run-job.ts';

/** The workflow id under which Temporal's scheduler starts the occurrence of a job at an instant. */
const workflowIdOfOccurrence = (jobId: string, instant: number) =>
  `${scheduleIdOf(jobId)}-${toInstant(instant)}`;

/** The run of an occurrence as it stands before anything has happened to it: queued. Pure. */
export function occurrenceRun(job: JobRow, instant: number): NewRun {
  const scheduledAt = new Date(instant);
  return {
    id: runIdOfOccurrence(job.id, scheduledAt),
    job_id: job.id,
    namespace: job.namespace,
    job_generation: job.generation,
    trigger: 'schedule',
    scheduled_at: scheduledAt,
    started_at: null,
    ended_at: null,
    state: 'queued',
    reason: null,
    attempts: '[]',
    workflow_id: workflowIdOfOccurrence(job.id, instant),
    temporal_run_id: null,
  };
}
