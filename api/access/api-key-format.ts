import { createHash, createHmac, randomInt } from 'node:crypto';

const PREFIX = 'sched_live_';
const RANDOM_CHARACTERS = 30;
const CHECKSUM_CHARACTERS = 6;
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const KEY = new RegExp(`^${PREFIX}[0-9A-Za-z]{${RANDOM_CHARACTERS + CHECKSUM_CHARACTERS}}$`);

/** So much of a key is kept to tell it from others. */
const HINT_LENGTH = PREFIX.length + 4;

/** A new key: a prefix by which scanners for leaked secrets know it, 30 random characters (178 bits), and a checksum. */
export function makeApiKey(): string {
  const random = Array.from({ length: RANDOM_CHARACTERS }, () => BASE62[randomInt(BASE62.length)]).join('');
  return PREFIX + random + checksumOf(random);
}

/** How a key begins. */
export const hintOf = (key: string): string => key.slice(0, HINT_LENGTH);

/** Tells whether a text means to be a key of this service, rather than a token. */
export const looksLikeApiKey = (text: string): boolean => text.startsWith(PREFIX);

/** Tells whether this service may have made the key: what was mistyped or cut off is found without asking the database. */
export function isWellFormedApiKey(text: string): boolean {
  if (!KEY.test(text)) return false;
  const random = text.slice(PREFIX.length, -CHECKSUM_CHARACTERS);
  return text.endsWith(checksumOf(random));
}

/** Six characters of base 62. No secret goes into it: it finds slips, and forges nothing. */
function checksumOf(random: string): string {
  const digest = createHash('sha256').update(random).digest();
  return Array.from({ length: CHECKSUM_CHARACTERS }, (_, index) => BASE62[(digest[index] ?? 0) % 62]).join(
    '',
  );
}

/** A key as it is stored: without the pepper, which no database holds, a stolen table can not even be tried out. */
export const hashApiKey = (key: string, pepper: string): string =>
  createHmac('sha256', pepper).update(key).digest('hex');
