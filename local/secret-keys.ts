import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The key with which the local stack encrypts secrets of jobs. Its first start creates it, in the data folder. */
export function ensureSecretKeys(dataDir: string): string {
  const file = path.join(dataDir, 'secret-keys');
  if (!existsSync(file))
    writeFileSync(file, `local:${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}
