import type { JobInput, JobState, StoredDefinition } from '../../domain/job/job.ts';
import type { RevisionAction } from '../../domain/job/revision.ts';

/** A pause as its author gave it. */
interface Pause {
  reason: string;
  until: Date | null;
}

/** What is to become of a job. What is left out stays as it is. */
export interface JobChange {
  action: RevisionAction;
  /** With its secrets. */
  definition?: JobInput;
  state?: JobState;
  /** With the state `paused`: why, and until when. */
  pause?: Pause;
  isDeleted?: true;
  /** From when on the changed job is to be accounted for, if not from now on: see `pause.until`. */
  since?: Date;
}

/** What is to become of a job, the secrets taken out. */
export type StoredChange = Omit<JobChange, 'definition'> & { definition: StoredDefinition | undefined };
