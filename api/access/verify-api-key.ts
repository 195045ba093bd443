import { timingSafeEqual } from 'node:crypto';
import { findApiKeyByHash, noteUse } from '../../db/access/api-keys.ts';
import type { Database } from '../../db/database.ts';
import type { ApiKeyRow } from '../../db/schema.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { MINUTE_MS, SECOND_MS } from '../../domain/milliseconds.ts';
import { hashApiKey, isWellFormedApiKey } from './api-key-format.ts';
import { createKeyedMutex } from '../../platform/keyed-mutex.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Session } from './session.ts';

/** A key is asked for again after this time. With how often streams ask, it keeps the promise of five seconds. */
const CACHE_MS = 2 * SECOND_MS;
const CACHE_SIZE = 10_000;

interface Entry {
  row: Promise<ApiKeyRow | undefined>;
  until: number;
  notedAt: number;
}

/** Verifies keys against the database, and remembers for two seconds what it found. */
export function createKeyVerifier({
  db,
  pepper,
  logger,
  now,
}: {
  db: Database;
  pepper: string;
  logger: Logger;
  now: () => Date;
}): (key: string) => Promise<Session> {
  const cache = new Map<string, Entry>();
  const queue = createKeyedMutex();

  const find = (hash: string): Promise<ApiKeyRow | undefined> => {
    const known = cache.get(hash);
    if (known && known.until > performance.now()) return known.row;
    const ask = () => findApiKeyByHash(db, hash);
    // One after another: who tries out keys must not take the connections of those whose keys are known.
    const row = known ? ask() : queue('unknown', ask);
    // In the order of their last look-up, so that the oldest go first.
    cache.delete(hash);
    if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value as string);
    const entry = { row, until: performance.now() + CACHE_MS, notedAt: known?.notedAt ?? -Infinity };
    cache.set(hash, entry);
    const forget = () => {
      if (cache.get(hash) === entry) cache.delete(hash);
    };
    // What is not there yet may be there in a moment, and a failure is no answer.
    row.then(
      (found) => (found === undefined ? forget() : isValid(found, hash) && note(entry, found)),
      forget,
    );
    return row;
  };

  const note = (entry: Entry, { id }: ApiKeyRow) => {
    if (performance.now() - entry.notedAt < MINUTE_MS) return;
    entry.notedAt = performance.now();
    noteUse(db, id, now()).catch((error: unknown) => {
      logger.debug({ err: error }, 'could not note the use of a key');
    });
  };

  const isValid = (row: ApiKeyRow | undefined, hash: string): row is ApiKeyRow =>
    row !== undefined &&
    timingSafeEqual(Buffer.from(row.hash), Buffer.from(hash)) &&
    (row.expires_at === null || row.expires_at > now());

  return async (key) => {
    if (!isWellFormedApiKey(key))
      throw refuse('The key is not one that this service has made: it is cut off or mistyped.');
    const hash = hashApiKey(key, pepper);
    const row = await find(hash);
    if (!isValid(row, hash)) throw refuse('The key is unknown, revoked or expired.');
    return {
      name: `key:${row.namespace}/${row.name}`,
      namespace: row.namespace,
      scopes: row.scopes,
      client: `key:${row.id}`,
      isStillValid: async () => isValid(await find(hash), hash),
    };
  };
}

const refuse = (message: string) => new SchedulerError('unauthenticated', message);
