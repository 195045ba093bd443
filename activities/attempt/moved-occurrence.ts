import type { BegunRun, CurrentSchedule } from '../../db/runs/begin-run.ts';
import type { RunJobTask } from '../../domain/run/workflow-contract.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { movesDays, prepareMovedFrom } from '../../domain/schedule/moved-from.ts';
import { isOccurrence } from '../../domain/schedule/occurrences.ts';

/**
 * The dates from which business days have moved the occurrence of a run, if its schedule is still the present one: otherwise
 * the change of the schedule has stored them. Empty if it was not moved. Pure.
 */
export function findMovedFrom(run: BegunRun & CurrentSchedule, task: RunJobTask): string[] {
  const isOfSchedule = task.runId === undefined && task.generation === run.schedule_generation;
  if (!isOfSchedule || !movesDays(run.schedule)) return [];
  const instant = Date.parse(task.scheduledAt);
  const compiled = compileSchedule(run.schedule);
  return isOccurrence(compiled, instant) ? prepareMovedFrom(compiled)(instant) : [];
}
