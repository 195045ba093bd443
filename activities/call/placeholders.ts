import { toInstant } from '../../domain/instant.ts';
import type { PlaceholderValues } from '../../domain/target/placeholder.ts';
import type { RunJobTask } from '../../domain/run/workflow-contract.ts';

/** What fills in the placeholders of an attempt's call. Pure. */
export const placeholdersOf = (task: RunJobTask, runId: string, attempt: number): PlaceholderValues => ({
  scheduledAt: toInstant(Date.parse(task.scheduledAt)),
  jobId: task.jobId,
  runId,
  attempt: String(attempt),
});
