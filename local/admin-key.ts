import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { issueApiKey } from '../api/access/issue-api-key.ts';
import { findApiKeyByHash, listApiKeyRows, markApiKeyRevoked } from '../db/access/api-keys.ts';
import type { Database } from '../db/database.ts';
import { DEFAULT_NAMESPACE as namespace } from '../domain/access.ts';
import { hashApiKey } from '../api/access/api-key-format.ts';

const NAME = 'npm start';

/** Ensures that a file with a valid admin key exists, to try out a stack that requires keys. Returns its path. */
export async function ensureAdminKey(db: Database, dataDir: string, pepper: string): Promise<string> {
  const file = path.join(dataDir, 'admin-key');
  const stored = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (stored !== '' && (await findApiKeyByHash(db, hashApiKey(stored, pepper)))) return file;
  // The key in the file is lost, or was made with another pepper.
  const now = new Date();
  const [old] = (await listApiKeyRows(db, { namespace, limit: 1_000 })).filter(
    ({ name, revoked_at }) => name === NAME && revoked_at === null,
  );
  const source = { by: NAME, credential: 'command' } as const;
  if (old) await markApiKeyRevoked(db, { id: old.id }, source, now);
  const { key } = await issueApiKey(
    db,
    { namespace, source, pepper, now },
    { name: NAME, scopes: ['admin'] },
  );
  writeFileSync(file, `${key}\n`, { mode: 0o600 });
  return file;
}
