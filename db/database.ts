import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { SECOND_MS } from '../domain/milliseconds.ts';
import type { DatabaseConfig } from '../platform/config.ts';
import type { Logger } from '../platform/logger.ts';
import { boundConnections } from './bounded-connections.ts';
import { createPlanKeeper } from './prepared-statements.ts';
import type { Schema } from './schema.ts';

/** The database, or a transaction in it. */
export type Database = Kysely<Schema>;

/** After this time without traffic the kernel asks whether the other side is still there. */
const KEEP_ALIVE_MS = 10 * SECOND_MS;
/** The longest life of a connection, so that a Postgres that moves behind its name gets its clients back. */
const LIFETIME_S = 300;

/**
 * Opens a pool of connections. It connects with the first query, and again by itself after the connection was
 * lost. A pooler may lend sessions for one transaction at a time, so queries must leave no state in a
 * session, nor expect any.
 */
export function createPool(config: DatabaseConfig, logger: Logger, name: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: config.DATABASE_URL,
    application_name: name,
    max: config.DATABASE_POOL_SIZE,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    maxLifetimeSeconds: LIFETIME_S,
    verify: createPlanKeeper(),
    ...timeoutOptions(config.DATABASE_STATEMENT_TIMEOUT_MS),
    ...tlsOptions(config),
  });
  // An idle connection that breaks must not end the process; the next query opens a new one.
  pool.on('error', (error) => logger.warn({ err: error }, 'lost an idle database connection'));
  // Nor must a connection that breaks between two queries of a transaction. The next query fails, and its
  // caller sees the error.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** The database behind a pool. To destroy it ends the pool. */
export const databaseOf = (pool: pg.Pool): Database =>
  new Kysely<Schema>({ dialect: new PostgresDialect({ pool: boundConnections(pool) }) });

/** Opens a database with a pool of its own (createPool). */
export const createDatabase = (config: DatabaseConfig, logger: Logger, name: string): Database =>
  databaseOf(createPool(config, logger, name));

/**
 * The statement timeout, as a parameter of the connection. A pooler may ignore the parameter: then the pooler
 * or the role has to set a timeout, and `warnWithoutTimeout` logs if neither does. No timeout, which only
 * migrations want, is requested in a way that poolers refuse: migrations hold a lock of the session, and must
 * not go through a pooler.
 */
const timeoutOptions = (timeoutMs: number): Pick<pg.PoolConfig, 'statement_timeout' | 'options'> =>
  timeoutMs === 0 ? { options: '-c statement_timeout=0' } : { statement_timeout: timeoutMs };

function tlsOptions(config: DatabaseConfig): Pick<pg.PoolConfig, 'ssl'> {
  if (config.DATABASE_CA_FILE) return { ssl: { ca: config.DATABASE_CA_FILE.toString() } };
  return config.DATABASE_TLS ? { ssl: true } : {};
}
