import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { DatabaseConfig } from '../platform/config.ts';
import type { Logger } from '../platform/logger.ts';
import type { Schema } from './schema.ts';

/** The database, or a transaction in it. */
export type Database = Kysely<Schema>;

/** Opens a pool of connections. Connects with the first query, and again by itself after an outage. */
export function createDatabase(config: DatabaseConfig, logger: Logger, name: string): Database {
  const pool = new pg.Pool({
    connectionString: config.DATABASE_URL,
    application_name: name,
    max: config.DATABASE_POOL_SIZE,
    connectionTimeoutMillis: 5_000,
    statement_timeout: config.DATABASE_STATEMENT_TIMEOUT_MS,
    ...tlsOptions(config),
  });
  // An idle connection that breaks must not end the process; the next query opens a new one.
  pool.on('error', (error) => logger.warn({ err: error }, 'lost an idle database connection'));
  // Nor one that breaks between two queries of a transaction: its next query fails, and says so to whoever sent it.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  pools.set(db, pool);
  return db;
}

const pools = new WeakMap<Database, pg.Pool>();

/** The pool of a database that `createDatabase` opened, to look at. @throws Error for any other */
export function poolOf(db: Database): Pick<pg.Pool, 'totalCount' | 'idleCount' | 'waitingCount'> {
  const pool = pools.get(db);
  if (!pool) throw new Error('this is no database with a pool of its own');
  return pool;
}

function tlsOptions(config: DatabaseConfig): Pick<pg.PoolConfig, 'ssl'> {
  if (config.DATABASE_CA_FILE) return { ssl: { ca: config.DATABASE_CA_FILE.toString() } };
  return config.DATABASE_TLS ? { ssl: true } : {};
}
