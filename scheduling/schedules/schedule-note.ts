import type { JobRow } from '../../db/schema.ts';

// The note of a Temporal Schedule, which the Temporal Web UI shows beside it. It carries the generation, for
// it is the only part of a schedule that a list of schedules returns and that an update can change: the list
// leaves out the workflow's arguments, and Temporal cannot update a schedule's memo (temporalio/temporal
// issue 8581). Only the sweep reads it, and only to choose which schedules to compare with their jobs. The
// comparison itself goes by the workflow's arguments.

const NOTE = /^generation (\d+)(?:, paused: |$)/;

/** The note of a job's schedule. Existing schedules hold this format, so it stays. Pure. */
export const noteOf = ({
  schedule_generation,
  pause_reason,
}: Pick<JobRow, 'schedule_generation' | 'pause_reason'>) =>
  `generation ${schedule_generation}${pause_reason ? `, paused: ${pause_reason}` : ''}`;

/** The generation in a schedule's note; undefined for a note that `noteOf` did not write. Pure. */
export function generationInNote(note: string | undefined): number | undefined {
  const digits = NOTE.exec(note ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}
