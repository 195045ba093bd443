import { Migrator } from 'kysely';
import type { Database } from './database.ts';
import { migrations } from './migrations/index.ts';

const createMigrator = (db: Database) =>
  new Migrator({ db, provider: { getMigrations: async () => migrations } });

/**
 * Brings the database to the newest schema and returns the names of the migrations that it ran. Several processes may
 * call it at once: one migrates, the others wait and find nothing left to do.
 * @throws the error of the migration that failed; its transaction has been rolled back
 */
export async function migrate(db: Database): Promise<string[]> {
  const { error, results } = await createMigrator(db).migrateToLatest();
  if (error) throw error instanceof Error ? error : new Error(JSON.stringify(error));
  return (results ?? []).map((result) => result.migrationName);
}

/**
 * Undoes every migration after the one of this name, the newest first, for an older version of the service.
 * Data that only the newer schema can hold is lost. Returns the names of the migrations that it undid.
 * @throws Error for an unknown name, or the error of the migration that failed
 */
export async function migrateBackTo(db: Database, name: string): Promise<string[]> {
  if (!(name in migrations))
    throw new Error(`There is no migration ${name}; there are ${Object.keys(migrations).join(', ')}.`);
  const applied = await appliedMigrations(db);
  if (!applied.includes(name)) throw new Error(`The database does not have the migration ${name}.`);
  const { error, results } = await createMigrator(db).migrateTo(name);
  if (error) throw error instanceof Error ? error : new Error(JSON.stringify(error));
  return (results ?? []).map((result) => result.migrationName);
}

/**
 * Checks that the database has exactly the schema that this version was written for.
 * @throws Error that names the missing migrations, or the unknown ones of a newer version
 */
export async function requireCurrentSchema(db: Database): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  const hasHistory = tables.some((table) => table.name === 'kysely_migration');
  const applied = hasHistory ? await appliedMigrations(db) : [];
  const missing = Object.keys(migrations).filter((name) => !applied.includes(name));
  if (missing.length > 0) {
    throw new Error(`The database lacks the migrations ${missing.join(', ')}; run "npm run migrate" first.`);
  }
  const unknown = applied.filter((name) => !(name in migrations));
  if (unknown.length > 0) {
    throw new Error(`The database is newer than this version: it has the migrations ${unknown.join(', ')}.`);
  }
}

async function appliedMigrations(db: Database): Promise<string[]> {
  // This table belongs to Kysely's migrator, and is not part of the schema type.
  const history = db.withTables<{ kysely_migration: { name: string } }>();
  return (await history.selectFrom('kysely_migration').select('name').execute()).map((row) => row.name);
}
