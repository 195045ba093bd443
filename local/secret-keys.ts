import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The key of the local stack for the secrets of jobs: made by its first start, and kept beside its data. */
export function ensureSecretKeys(dataDir: string): string {
  const file = path.join(dataDir, 'secret-keys');
  if (!existsSync(file))
    writeFileSync(file, `local:${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}
