import type { Source } from '../../domain/job/audit.ts';
import type { BackfillOverlap } from '../../domain/run/backfill.ts';
import type { ReasonCode } from '../../domain/run/reasons.ts';
import type { Database } from '../database.ts';
import { IS_RUN } from '../rules.ts';
import type { BackfillRange, RunRow } from '../schema.ts';

/** Stores a backfill. The caller stores its runs in the same transaction. */
export async function insertBackfill(
  transaction: Database,
  backfill: {
    id: string;
    jobId: string;
    overlap: BackfillOverlap;
    range: BackfillRange;
    createdAt: Date;
    source: Source;
  },
): Promise<void> {
  const { id, jobId, overlap, range, createdAt, source } = backfill;
  await transaction
    .insertInto('backfills')
    .values({
      id,
      job_id: jobId,
      overlap,
      range: JSON.stringify(range),
      created_at: createdAt,
      source: JSON.stringify(source),
    })
    .execute();
}

/** How the runs of a backfill may overlap, and these runs in the order of their nominal times. */
export async function findBackfill(
  db: Database,
  id: string,
): Promise<{ overlap: BackfillOverlap; runs: Pick<RunRow, 'id' | 'workflow_id' | 'scheduled_at'>[] }> {
  const { overlap } = await db
    .selectFrom('backfills')
    .select('overlap')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const runs = await db
    .selectFrom('runs')
    .select(['id', 'workflow_id', 'scheduled_at'])
    .where('backfill_id', '=', id)
    .orderBy('scheduled_at')
    .execute();
  return { overlap, runs };
}

const LEFT_OUT: ReasonCode = 'skippedByRequest';

/**
 * The nominal times in [from, to] for which a job has a run, or is about to have one: scheduled, of a
 * backfill or retried; or is to have none, because somebody asked to leave it out. In milliseconds since the epoch.
 */
export async function listInstantsWithRun(
  db: Database,
  jobId: string,
  from: Date,
  to: Date,
): Promise<Set<number>> {
  const rows = await db
    .selectFrom('runs')
    .select('scheduled_at')
    .where('job_id', '=', jobId)
    .where('scheduled_at', '>=', from)
    .where('scheduled_at', '<=', to)
    .where('trigger', 'in', ['schedule', 'backfill', 'retry'])
    .where((eb) => eb.or([IS_RUN, eb('reason_code', '=', LEFT_OUT)]))
    .execute();
  return new Set(rows.map((row) => row.scheduled_at.getTime()));
}
