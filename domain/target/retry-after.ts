import { DAY_MS, SECOND_MS } from '../milliseconds.ts';

/** A target that asks for more patience is called again after this time all the same. */
const LONGEST_MS = DAY_MS;

/** The statuses with which a target may ask for patience (RFC 9110, 10.2.3; RFC 6585, 4). */
const STATUSES = [429, 503];

/**
 * How many milliseconds a target asks to be left alone, by the Retry-After header of its answer: seconds, or an HTTP
 * date. Undefined if it does not say, or not in a way that can be understood. A day at most. Pure.
 */
export function retryAfterMs(status: number, header: string | undefined, now: number): number | undefined {
  if (header === undefined || !STATUSES.includes(status)) return undefined;
  const text = header.trim();
  const delay = /^\d+$/.test(text) ? Number(text) * SECOND_MS : Date.parse(text) - now;
  if (Number.isNaN(delay)) return undefined;
  return Math.min(Math.max(delay, 0), LONGEST_MS);
}
