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

/** A revoked key is refused within five seconds: this time, and the two seconds between the checks of a stream. */
const CACHE_MS = 2 * SECOND_MS;
const CACHE_SIZE = 10_000;

interface CacheEntry {
  row: Promise<ApiKeyRow | undefined>;
  /** On the clock of `performance.now()`. */
  expiresAt: number;
  /** When the use of the key was last recorded, on the same clock. */
  recordedAt: number;
}

/** Verifies keys against the database, and caches the result for two seconds. */
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
  const cache = new Map<string, CacheEntry>();
  const mutex = createKeyedMutex();

  const find = (hash: string): Promise<ApiKeyRow | undefined> => {
    const cached = cache.get(hash);
    if (cached && cached.expiresAt > performance.now()) return cached.row;
    const query = () => findApiKeyByHash(db, hash);
    // Unknown keys are looked up one at a time, so that guessing keys cannot use up the connections.
    const row = cached ? query() : mutex('unknown', query);
    // Insertion keeps the map in the order of look-ups, so its first entry is the oldest.
    cache.delete(hash);
    if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value as string);
    const entry = {
      row,
      expiresAt: performance.now() + CACHE_MS,
      recordedAt: cached?.recordedAt ?? -Infinity,
    };
    cache.set(hash, entry);
    const forget = () => {
      if (cache.get(hash) === entry) cache.delete(hash);
    };
    // Unknown keys and failures are not cached: the next request may have better luck.
    row.then(
      (found) => (found === undefined ? forget() : isValid(found, hash) && recordUse(entry, found)),
      forget,
    );
    return row;
  };

  const recordUse = (entry: CacheEntry, { id }: ApiKeyRow) => {
    if (performance.now() - entry.recordedAt < MINUTE_MS) return;
    entry.recordedAt = performance.now();
    noteUse(db, id, now()).catch((error: unknown) => {
      logger.debug({ err: error }, 'could not record the use of an API key');
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
      credential: 'apiKey',
      apiKeyId: row.id,
      namespace: row.namespace,
      scopes: row.scopes,
      client: `key:${row.id}`,
      isStillValid: async () => isValid(await find(hash), hash),
    };
  };
}

const refuse = (message: string) => new SchedulerError('unauthenticated', message);
