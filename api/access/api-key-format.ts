import { createHash, createHmac, randomInt } from 'node:crypto';

const PREFIX = 'sched_live_';
const RANDOM_CHARACTERS = 30;
const CHECKSUM_CHARACTERS = 6;
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const KEY = new RegExp(`^${PREFIX}[0-9A-Za-z]{${RANDOM_CHARACTERS + CHECKSUM_CHARACTERS}}$`);

/** Characters of a key that are stored in plain, to tell it from others. */
const HINT_LENGTH = PREFIX.length + 4;

/**
 * A new random key: a prefix that secret scanners can find, 30 random characters (178 bits), and a checksum.
 */
export function makeApiKey(): string {
  const random = Array.from({ length: RANDOM_CHARACTERS }, () => BASE62[randomInt(BASE62.length)]).join('');
  return PREFIX + random + checksumOf(random);
}

/** The beginning of a key, which is no secret. */
export const hintOf = (key: string): string => key.slice(0, HINT_LENGTH);

/** Tells a key of this service, valid or not, from a token. */
export const looksLikeApiKey = (text: string): boolean => text.startsWith(PREFIX);

/** Checks length and checksum, so that a mistyped or truncated key is refused without a query. */
export function isWellFormedApiKey(text: string): boolean {
  if (!KEY.test(text)) return false;
  const random = text.slice(PREFIX.length, -CHECKSUM_CHARACTERS);
  return text.endsWith(checksumOf(random));
}

/** Six characters of base 62. It finds typing errors; it does not authenticate, because it holds no secret. */
function checksumOf(random: string): string {
  const digest = createHash('sha256').update(random).digest();
  return Array.from({ length: CHECKSUM_CHARACTERS }, (_, index) => BASE62[(digest[index] ?? 0) % 62]).join(
    '',
  );
}

/** The hash under which a key is stored. Without the pepper, which is not in the database, a stolen table is of no use. */
export const hashApiKey = (key: string, pepper: string): string =>
  createHmac('sha256', pepper).update(key).digest('hex');
