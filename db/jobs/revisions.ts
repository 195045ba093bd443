import type { Database } from '../database.ts';
import type { RevisionRow } from '../schema.ts';
import type { Source } from '../../domain/job/audit.ts';
import type { RevisionAction, RevisionChanges } from '../../domain/job/revision.ts';

/** A revision to store: who changed a job, when, and how. */
export interface NewRevision {
  jobId: string;
  generation: number;
  at: Date;
  by: string;
  action: RevisionAction;
  changes: RevisionChanges;
  /** The request that made the change; without one, the service itself made it. */
  source?: Source | undefined;
}

/** Stores a revision of a job. To be called in the transaction of the change. */
export async function insertRevision(transaction: Database, revision: NewRevision): Promise<void> {
  await transaction.insertInto('job_revisions').values(toRevisionRow(revision)).execute();
}

/** A revision as the columns of its row. Pure. */
export const toRevisionRow = ({ jobId, changes, source, ...rest }: NewRevision) => ({
  job_id: jobId,
  changes: JSON.stringify(changes),
  source: source ? JSON.stringify(source) : null,
  ...rest,
});

/** One page of a job's revisions, the latest first, beginning before `beforeGeneration`. */
export function listRevisions(
  db: Database,
  filter: { jobId: string; beforeGeneration?: number | undefined; limit: number },
): Promise<RevisionRow[]> {
  const { beforeGeneration } = filter;
  return db
    .selectFrom('job_revisions')
    .selectAll()
    .where('job_id', '=', filter.jobId)
    .$if(beforeGeneration !== undefined, (query) =>
      query.where('generation', '<', beforeGeneration as number),
    )
    .orderBy('generation', 'desc')
    .limit(filter.limit)
    .execute();
}
