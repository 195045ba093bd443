import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { DatabaseConfig } from '../platform/config.ts';
import type { Logger } from '../platform/logger.ts';
import { keepPlans } from './prepared-statements.ts';
import type { Schema } from './schema.ts';

/** The database, or a transaction in it. */
export type Database = Kysely<Schema>;

/**
 * Opens a pool of connections. Connects with the first query, and again by itself after an outage. Sessions may belong to a
 * pooler, which lends them for a transaction at a time: whoever queries leaves nothing in them, and finds nothing there.
 */
export function createDatabase(config: DatabaseConfig, logger: Logger, name: string): Database {
  const pool = new pg.Pool({
    connectionString: config.DATABASE_URL,
    application_name: name,
    max: config.DATABASE_POOL_SIZE,
    connectionTimeoutMillis: 5_000,
    verify: keepPlans,
    ...timeoutOptions(config.DATABASE_STATEMENT_TIMEOUT_MS),
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

/**
 * Asked for as the connection is made. A pooler either passes that over, and then it is for the pooler or the role to set
 * (`warnWithoutTimeout` tells if nobody did), or it refuses. No timeout is asked for in a way that poolers refuse, for the
 * role may have one: who asks for none migrates, and holds a lock of the session.
 */
const timeoutOptions = (timeoutMs: number): Pick<pg.PoolConfig, 'statement_timeout' | 'options'> =>
  timeoutMs === 0 ? { options: '-c statement_timeout=0' } : { statement_timeout: timeoutMs };

function tlsOptions(config: DatabaseConfig): Pick<pg.PoolConfig, 'ssl'> {
  if (config.DATABASE_CA_FILE) return { ssl: { ca: config.DATABASE_CA_FILE.toString() } };
  return config.DATABASE_TLS ? { ssl: true } : {};
}
