import { sql } from 'kysely';
import type { SealedSecret } from '../../platform/secret-box.ts';
import type { Database } from '../database.ts';
import { HAS_NO_OPEN_RUN } from '../rules.ts';

// The secrets of jobs, each encrypted on its own. A row of `jobs` only says that there is a secret.

/** A secret of a job as it is stored, encrypted. */
export interface StoredSecret extends SealedSecret {
  field: string;
}

/** The fields of a job that have a stored secret. */
export async function listSecretFields(db: Database, jobId: string): Promise<string[]> {
  const rows = await db.selectFrom('job_secrets').select('field').where('job_id', '=', jobId).execute();
  return rows.map(({ field }) => field);
}

/** Replaces the secrets of a job. Those of the fields in `kept` stay. */
export async function replaceSecrets(
  transaction: Database,
  jobId: string,
  secrets: StoredSecret[],
  kept: string[],
): Promise<void> {
  await transaction
    .deleteFrom('job_secrets')
    .where('job_id', '=', jobId)
    .$if(kept.length > 0, (query) => query.where('field', 'not in', kept))
    .execute();
  if (secrets.length === 0) return;
  await transaction
    .insertInto('job_secrets')
    .values(secrets.map(({ field, keyId, sealed }) => ({ job_id: jobId, field, key_id: keyId, sealed })))
    .execute();
}

/** Secrets encrypted with one of these keys, of jobs with ids after `afterJob`, locked until the transaction ends. */
export async function lockSecretsOfKeys(
  transaction: Database,
  keyIds: string[],
  afterJob: string,
  limit: number,
): Promise<(StoredSecret & { jobId: string })[]> {
  const rows = await transaction
    .selectFrom('job_secrets')
    .selectAll()
    .where('key_id', 'in', keyIds)
    .where('job_id', '>', afterJob)
    .orderBy('job_id')
    .limit(limit)
    .forUpdate()
    .skipLocked()
    .execute();
  return rows.map(({ job_id, field, key_id, sealed }) => ({ jobId: job_id, field, keyId: key_id, sealed }));
}

/** Stores a secret that was encrypted again. */
export async function updateSecret(
  transaction: Database,
  { jobId, field, keyId, sealed }: StoredSecret & { jobId: string },
): Promise<void> {
  await transaction
    .updateTable('job_secrets')
    .set({ key_id: keyId, sealed })
    .where('job_id', '=', jobId)
    .where('field', '=', field)
    .execute();
}

/** Removes the secrets of deleted jobs that have no open run. Returns how many it removed. */
export async function removeSecretsOfDeleted(db: Database, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    DELETE FROM job_secrets WHERE (job_id, field) IN (
      SELECT job_id, field FROM job_secrets JOIN jobs ON jobs.id = job_id
      WHERE deleted_at IS NOT NULL AND ${HAS_NO_OPEN_RUN}
      LIMIT ${limit})`.execute(db);
  return Number(numAffectedRows ?? 0);
}
