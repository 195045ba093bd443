import type { Database } from './database.ts';
import type { RevisionRow } from './schema.ts';
import type { RevisionAction, RevisionChanges } from '../domain/revision.ts';

/** Notes who changed a job, when, and how. To be called in the transaction of the change. */
export async function insertRevision(
  transaction: Database,
  revision: {
    jobId: string;
    generation: number;
    at: Date;
    by: string;
    action: RevisionAction;
    changes: RevisionChanges;
  },
): Promise<void> {
  const { jobId, changes, ...rest } = revision;
  await transaction
    .insertInto('job_revisions')
    .values({ job_id: jobId, changes: JSON.stringify(changes), ...rest })
    .execute();
}

/** One page of a job's changes, the latest first, beginning before `beforeGeneration`. */
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
