import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { listApiKeyRows, markApiKeyRevoked } from '../db/access/api-keys.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { requireCurrentSchema } from '../db/migrate.ts';
import { DEFAULT_NAMESPACE, NamespaceName, Scope } from '../domain/access.ts';
import type { Source } from '../domain/job/audit.ts';
import { ApiKeyInput } from '../domain/api-key.ts';
import { SchedulerError } from '../domain/errors.ts';
import { ConfigError, readDatabaseConfig, type DatabaseConfig } from '../platform/config.ts';
import { createLogger } from '../platform/logger.ts';
import { issueApiKey } from './access/issue-api-key.ts';
import { presentApiKey } from './rest/present.ts';
import { parseInput } from './rest/validation.ts';

// npm run keys: creates, lists and revokes API keys in the database. This is how the first key comes to be.
const USAGE = `npm run keys -- create --name <name> --scopes <scope>[,<scope>…] [--namespace <namespace>] [--expires <instant>]
npm run keys -- list [--namespace <namespace>]
npm run keys -- revoke <id>

Scopes: ${Scope.options.join(', ')}. create writes the key, and nothing else, to standard output.
DATABASE_URL names the database; API_KEY_PEPPER must be that of the API.`;

const PAGE = 200;

/** A command that does not exist, or lacks its arguments. */
class UsageError extends Error {}

interface Options {
  name?: string | undefined;
  scopes?: string | undefined;
  namespace?: string | undefined;
  expires?: string | undefined;
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string' },
      scopes: { type: 'string' },
      namespace: { type: 'string' },
      expires: { type: 'string' },
    },
  });
  const [command, id, ...rest] = positionals;
  const isKnown = { create: id === undefined, list: id === undefined, revoke: id !== undefined };
  if (rest.length > 0 || !isKnown[command as keyof typeof isKnown]) throw new UsageError();
  const config = readDatabaseConfig(process.env);
  const db = createDatabase(config, createLogger({ level: 'warn', name: 'keys' }), 'scheduler-keys');
  try {
    await requireCurrentSchema(db);
    if (command === 'create') await create(db, config, values);
    else if (command === 'list') await list(db, values);
    else await revoke(db, id as string);
  } finally {
    await db.destroy();
  }
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}

/** The user of this machine, as lists of keys and the audit log name them. */
function operator(): Source {
  const credential = 'command';
  try {
    return { by: `${userInfo().username} (npm run keys)`, credential };
  } catch {
    return { by: 'npm run keys', credential };
  }
}

async function create(db: Database, config: DatabaseConfig, options: Options): Promise<void> {
  const pepper = config.API_KEY_PEPPER;
  if (pepper === undefined)
    throw new ConfigError(['API_KEY_PEPPER: is required, the same as that of the API']);
  const input = parseInput(ApiKeyInput, {
    name: options.name,
    scopes: options.scopes?.split(','),
    expiresAt: options.expires,
  });
  const namespace = parseInput(NamespaceName, options.namespace ?? DEFAULT_NAMESPACE);
  const { row, key } = await issueApiKey(
    db,
    { namespace, source: operator(), pepper, now: new Date() },
    input,
  );
  console.error(
    `The key ${row.name} (${row.id}) of the namespace ${namespace} may: ${row.scopes.join(', ')}. It is shown this once:`,
  );
  console.log(key);
}

async function list(db: Database, { namespace }: Options): Promise<void> {
  let afterId: string | undefined;
  for (;;) {
    const rows = await listApiKeyRows(db, { namespace, afterId, limit: PAGE });
    for (const row of rows) console.log(JSON.stringify(presentApiKey(row)));
    afterId = rows[rows.length - 1]?.id;
    if (rows.length < PAGE) return;
  }
}

async function revoke(db: Database, id: string): Promise<void> {
  parseInput(z.uuid({ error: 'the id of a key is a UUID; list shows it' }), id);
  if (!(await markApiKeyRevoked(db, { id }, operator(), new Date())))
    throw new SchedulerError('not_found', `There is no key with the id ${id}.`);
  console.error('Revoked. All processes refuse it within five seconds.');
}

function explain(error: unknown): string {
  if (error instanceof SchedulerError)
    return error.errors.length > 0
      ? error.errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n')
      : error.message;
  if (error instanceof UsageError) return USAGE;
  // Thrown by parseArgs, for an unknown option or one without a value.
  if (error instanceof TypeError) return `${error.message}\n\n${USAGE}`;
  return error instanceof Error ? error.message : String(error);
}
