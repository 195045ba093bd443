import type { Database } from '../db/database.ts';
import { listSecretFields, lockSecretsOfOtherKeys, replaceSecrets, updateSecret } from '../db/job-secrets.ts';
import { isDatabaseUnavailable } from '../db/unavailable.ts';
import { invalid, type FieldError } from '../domain/errors.ts';
import type { WithoutSecrets } from '../domain/target-secrets.ts';
import type { Logger } from '../platform/logger.ts';
import type { SecretBox } from '../platform/secret-box.ts';

/**
 * Stores the secrets of a job, encrypted, in the caller's transaction; those that are neither given nor kept are removed.
 * @throws SchedulerError `invalid` if a secret is to be kept that is not there, or if there is no key to encrypt with
 */
export async function storeSecrets(
  transaction: Database,
  jobId: string,
  { given, kept }: Pick<WithoutSecrets, 'given' | 'kept'>,
  box: SecretBox,
): Promise<void> {
  const stored = kept.length > 0 ? await listSecretFields(transaction, jobId) : [];
  const faults: FieldError[] = kept
    .filter(({ field }) => !stored.includes(field))
    .map(({ path }) => ({
      path,
      code: 'no_secret',
      message: 'there is no stored secret to keep; give the secret itself',
    }));
  if (box.currentKeyId === undefined) {
    const message = 'this service can keep no secrets, for its operator has given it no key (SECRET_KEYS)';
    faults.push(...given.map(({ path }) => ({ path, code: 'no_key', message })));
  }
  if (faults.length > 0) throw invalid(faults);
  await replaceSecrets(
    transaction,
    jobId,
    given.map(({ field, text }) => ({ field, ...box.seal({ jobId, field }, text) })),
    kept.map(({ field }) => field),
  );
}

/**
 * Encrypts secrets anew that are encrypted with an older key, one batch of them, so that the older key can be given up.
 * Returns how many that were.
 */
export function resealSecrets(db: Database, box: SecretBox, logger: Logger, limit: number): Promise<number> {
  const { currentKeyId, keyIds } = box;
  if (currentKeyId === undefined || keyIds.length < 2) return Promise.resolve(0);
  return db.transaction().execute(async (transaction) => {
    const secrets = await lockSecretsOfOtherKeys(transaction, currentKeyId, keyIds, limit);
    let resealed = 0;
    for (const secret of secrets) {
      try {
        const text = box.open(secret, secret);
        await updateSecret(transaction, { ...secret, ...box.seal(secret, text) });
        resealed++;
      } catch (error) {
        if (isDatabaseUnavailable(error)) throw error;
        logger.error({ err: error, jobId: secret.jobId }, 'could not encrypt a secret anew');
      }
    }
    return resealed;
  });
}
