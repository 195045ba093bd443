import { v7 as uuidv7 } from 'uuid';
import { insertApiKey } from '../../db/access/api-keys.ts';
import type { Database } from '../../db/database.ts';
import type { ApiKeyRow } from '../../db/schema.ts';
import type { Source } from '../../domain/job/audit.ts';
import type { ApiKeyInput } from '../../domain/api-key.ts';
import { invalid } from '../../domain/errors.ts';
import { toInstant } from '../../domain/instant.ts';
import { hashApiKey, hintOf, makeApiKey } from './api-key-format.ts';

/**
 * Makes a key and stores its hash. Only the caller of this function ever sees the key itself.
 * @throws SchedulerError `name_taken`, or `invalid` if `expiresAt` is in the past
 */
export async function issueApiKey(
  db: Database,
  { namespace, source, pepper, now }: { namespace: string; source: Source; pepper: string; now: Date },
  { name, scopes, expiresAt }: ApiKeyInput,
): Promise<{ row: ApiKeyRow; key: string }> {
  if (expiresAt !== undefined && Date.parse(expiresAt) <= now.getTime()) {
    const message = `${expiresAt} is in the past; it is now ${toInstant(now.getTime())}`;
    throw invalid([{ path: 'expiresAt', code: 'in_the_past', message }]);
  }
  const key = makeApiKey();
  const row = await insertApiKey(db, {
    id: uuidv7(),
    namespace,
    name,
    hash: hashApiKey(key, pepper),
    hint: hintOf(key),
    scopes: [...new Set(scopes)],
    created_at: now,
    created_by: source.by,
    source,
    expires_at: expiresAt === undefined ? null : new Date(expiresAt),
  });
  return { row, key };
}
