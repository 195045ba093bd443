import { readFileSync } from 'node:fs';
import type { Stack } from './stack.ts';

const ROLES = { api: 'scheduler_api', worker: 'scheduler_worker' };
const PASSWORD = 'role';

/** Gives the roles of deploy/postgres/roles.sql their rights in the database of a stack. Returns their connection strings. */
export async function createDatabaseRoles({
  db,
  databaseUrl,
}: Pick<Stack, 'db' | 'databaseUrl'>): Promise<Record<'api' | 'worker', string>> {
  const urls = { api: '', worker: '' };
  for (const kind of ['api', 'worker'] as const) {
    const role = ROLES[kind];
    const { rowCount } = await db.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
    if (rowCount === 0) await db.query(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
    const url = new URL(databaseUrl);
    url.username = role;
    url.password = PASSWORD;
    urls[kind] = url.href;
  }
  await db.query(readFileSync('deploy/postgres/roles.sql', 'utf8'));
  return urls;
}
