import { DAY_MS, SECOND_MS } from '../milliseconds.ts';

/** Longer waits are shortened to this. */
const MAX_MS = DAY_MS;

/** The statuses for which Retry-After is read (RFC 9110, 10.2.3; RFC 6585, 4). */
const STATUSES = [429, 503];

/**
 * The wait that a response's Retry-After header asks for, in milliseconds, at most a day. The header holds seconds or an
 * HTTP date. Undefined if it is missing or invalid. Pure.
 */
export function retryAfterMs(status: number, header: string | undefined, now: number): number | undefined {
  if (header === undefined || !STATUSES.includes(status)) return undefined;
  const text = header.trim();
  const delay = /^\d+$/.test(text) ? Number(text) * SECOND_MS : Date.parse(text) - now;
  if (Number.isNaN(delay)) return undefined;
  return Math.min(Math.max(delay, 0), MAX_MS);
}
