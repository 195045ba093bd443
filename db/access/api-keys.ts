import { sql } from 'kysely';
import type { Source } from '../../domain/job/audit.ts';
import { SchedulerError } from '../../domain/errors.ts';
import type { Database } from '../database.ts';
import type { ApiKeyRow } from '../schema.ts';
import { violatesUnique } from '../unique-violation.ts';

/** The last use of a key is stored no more often than this. */
const NOTE_USE_EVERY_MS = 60_000;

/**
 * Stores a new key.
 * @throws SchedulerError `name_taken`
 */
export async function insertApiKey(
  db: Database,
  key: Omit<ApiKeyRow, 'last_used_at' | 'revoked_at' | 'revoked_by' | 'revoke_source'>,
): Promise<ApiKeyRow> {
  try {
    return await db
      .insertInto('api_keys')
      .values({
        ...key,
        source: JSON.stringify(key.source),
        last_used_at: null,
        revoked_at: null,
        revoked_by: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  } catch (error) {
    if (!violatesUnique(error, 'api_keys_name')) throw error;
    const message = `A key named ${JSON.stringify(key.name)} exists already in the namespace ${JSON.stringify(key.namespace)}.`;
    throw new SchedulerError('name_taken', message, {
      errors: [{ path: 'name', code: 'taken', message: 'choose another name, or revoke that key first' }],
      cause: error,
    });
  }
}

/** A key that has not been revoked, by its hash. */
export function findApiKeyByHash(db: Database, hash: string): Promise<ApiKeyRow | undefined> {
  return db
    .selectFrom('api_keys')
    .selectAll()
    .where('hash', '=', hash)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
}

/** A key, revoked or not. */
export function findApiKey(db: Database, namespace: string, id: string): Promise<ApiKeyRow | undefined> {
  return db
    .selectFrom('api_keys')
    .selectAll()
    .where('namespace', '=', namespace)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** One page of keys, newest first, revoked ones included; of one namespace, or of all. */
export function listApiKeyRows(
  db: Database,
  filter: { namespace?: string | undefined; afterId?: string | undefined; limit: number },
): Promise<ApiKeyRow[]> {
  const { namespace, afterId, limit } = filter;
  return db
    .selectFrom('api_keys')
    .selectAll()
    .$if(namespace !== undefined, (query) => query.where('namespace', '=', namespace as string))
    .$if(afterId !== undefined, (query) => query.where('id', '<', afterId as string))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

/** Revokes a key. A revoked key stays as it is. Undefined if there is no such key. */
export function markApiKeyRevoked(
  db: Database,
  place: { id: string; namespace?: string | undefined },
  source: Source,
  now: Date,
): Promise<ApiKeyRow | undefined> {
  const { namespace } = place;
  return db
    .updateTable('api_keys')
    .set((eb) => ({
      revoked_at: eb.fn.coalesce('revoked_at', eb.val(now)),
      revoked_by: eb.fn.coalesce('revoked_by', eb.val(source.by)),
      revoke_source: sql<string>`coalesce(revoke_source, ${JSON.stringify(source)}::jsonb)`,
    }))
    .where('id', '=', place.id)
    .$if(namespace !== undefined, (query) => query.where('namespace', '=', namespace as string))
    .returningAll()
    .executeTakeFirst();
}

/** Stores when a key was last used, to the minute. */
export async function noteUse(db: Database, id: string, now: Date): Promise<void> {
  await db
    .updateTable('api_keys')
    .set({ last_used_at: now })
    .where('id', '=', id)
    .where((eb) =>
      eb.or([
        eb('last_used_at', 'is', null),
        eb('last_used_at', '<=', new Date(now.getTime() - NOTE_USE_EVERY_MS)),
      ]),
    )
    .execute();
}
