import type { Selectable } from 'kysely';
import type { Database } from '../database.ts';
import type { IdempotentAnswer, Schema } from '../schema.ts';

/** A key, as the client sent it, and the client's namespace. */
export interface KeyPlace {
  namespace: string;
  key: string;
}

/**
 * Claims a key in the caller's transaction. Waits for another transaction that is claiming it. Returns
 * whether the caller is the first: if not, another request has used the key, and is committed.
 */
export async function claimKey(
  transaction: Database,
  { namespace, key }: KeyPlace,
  request: { fingerprint: string; resourceId: string; now: Date; lockedUntil: Date },
): Promise<boolean> {
  const claimed = await transaction
    .insertInto('idempotency_keys')
    .values({
      namespace,
      key,
      fingerprint: request.fingerprint,
      resource_id: request.resourceId,
      answer: null,
      locked_until: request.lockedUntil,
      created_at: request.now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('key')
    .executeTakeFirst();
  return claimed !== undefined;
}

/** The row of a key; undefined if no request has used it. */
export function findKey(
  db: Database,
  { namespace, key }: KeyPlace,
): Promise<Selectable<Schema['idempotency_keys']> | undefined> {
  return db
    .selectFrom('idempotency_keys')
    .selectAll()
    .where('namespace', '=', namespace)
    .where('key', '=', key)
    .executeTakeFirst();
}

/**
 * Takes over a request whose process has not answered in time. Returns whether it did: another one may have
 * been first.
 */
export async function takeOverKey(
  db: Database,
  { namespace, key }: KeyPlace,
  now: Date,
  lockedUntil: Date,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('idempotency_keys')
    .set({ locked_until: lockedUntil })
    .where('namespace', '=', namespace)
    .where('key', '=', key)
    .where('answer', 'is', null)
    .where('locked_until', '<=', now)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** Stores the response of a request, to be sent again. A stored response stays. */
export async function keepAnswer(
  db: Database,
  { namespace, key }: KeyPlace,
  answer: IdempotentAnswer,
): Promise<void> {
  await db
    .updateTable('idempotency_keys')
    .set({ answer: JSON.stringify(answer) })
    .where('namespace', '=', namespace)
    .where('key', '=', key)
    .where('answer', 'is', null)
    .execute();
}
