import type { Database } from '../../db/database.ts';
import {
  listSecretFields,
  lockSecretsOfKeys,
  replaceSecrets,
  updateSecret,
  type StoredSecret,
} from '../../db/jobs/job-secrets.ts';
import { invalid, type FieldError } from '../../domain/errors.ts';
import type { ExtractedSecrets } from '../../domain/job/extract-secrets.ts';
import type { Logger } from '../../platform/logger.ts';
import type { SecretBox } from '../../platform/secret-box.ts';

/**
 * Stores the secrets of a job, encrypted, in the caller's transaction. Secrets that are neither given nor
 * kept are removed.
 * @throws SchedulerError `invalid` if a secret to be kept is not stored, or if there is no key to encrypt
 * with
 */
export async function storeSecrets(
  transaction: Database,
  jobId: string,
  { given, kept }: Pick<ExtractedSecrets, 'given' | 'kept'>,
  box: SecretBox,
): Promise<void> {
  const stored = kept.length > 0 ? await listSecretFields(transaction, jobId) : [];
  const faults: FieldError[] = kept
    .filter(({ field }) => !stored.includes(field))
    .map(({ path }) => ({
      path,
      code: 'no_secret',
      message: 'no secret is stored here to keep; give the secret itself',
    }));
  if (box.currentKeyId === undefined) {
    const message = 'this service cannot store secrets: its operator has configured no key (SECRET_KEYS)';
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

/** An id before those of all jobs. */
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';
/** Secrets in one transaction. */
const BATCH = 200;

/**
 * Encrypts with the current key the secrets that an older key encrypts, so that the older key can be removed.
 * Secrets that cannot be decrypted are logged and stay. Returns how many it encrypted.
 */
export async function resealSecrets(db: Database, box: SecretBox, logger: Logger): Promise<number> {
  const { currentKeyId, keyIds } = box;
  const olderKeys = keyIds.filter((id) => id !== currentKeyId);
  if (olderKeys.length === 0) return 0;
  let resealed = 0;
  for (let afterJob: string | undefined = BEFORE_ALL; afterJob !== undefined;) {
    const start: string = afterJob;
    afterJob = await db.transaction().execute(async (transaction) => {
      const secrets = await lockSecretsOfKeys(transaction, olderKeys, start, BATCH);
      for (const secret of secrets) {
        const text = tryToOpen(box, secret, logger);
        if (text === undefined) continue;
        await updateSecret(transaction, { ...secret, ...box.seal(secret, text) });
        resealed++;
      }
      return secrets.at(-1)?.jobId;
    });
  }
  return resealed;
}

function tryToOpen(box: SecretBox, secret: StoredSecret & { jobId: string }, logger: Logger) {
  try {
    return box.open(secret, secret);
  } catch (error) {
    logger.error({ err: error, jobId: secret.jobId }, 'could not encrypt a secret with the current key');
    return undefined;
  }
}
