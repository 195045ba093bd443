import type { EvaluableInput, JobState, StoredDefinition } from '../../domain/job/job.ts';
import type { Skip } from '../../domain/schedule/skip-schema.ts';
import type { RevisionAction } from '../../domain/job/revision.ts';

/** A pause as its author requested it. */
interface Pause {
  reason: string;
  until: Date | null;
}

/** A change of a job. Fields that are left out stay as they are. */
export interface JobChange {
  action: RevisionAction;
  /** The new definition, with its secrets. */
  definition?: EvaluableInput;
  state?: JobState;
  /** Only with the state `paused`. */
  pause?: Pause;
  /** All that are to be skipped from now on. */
  skips?: Skip[];
  isDeleted?: true;
  /** From when on the changed job's occurrences count, if not from now on: the end of a pause by `pause.until`. */
  since?: Date;
}

/** A change of a job without its secrets, as it is stored. */
export type StoredChange = Omit<JobChange, 'definition'> & { definition: StoredDefinition | undefined };
