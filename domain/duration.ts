import { z } from 'zod';

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNIT_MS;

const DURATION = /^(?:\d{1,12}(?:ms|[smhd]))+$/;
const PART = /(\d+)(ms|[smhd])/g;

/** Milliseconds of a duration such as `"30s"`, `"15m"` or `"1h30m"`; undefined if the text is not a duration. Pure. */
export function parseDuration(text: string): number | undefined {
  if (text.length > 64 || !DURATION.test(text)) return undefined;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(PART)) totalMs += Number(count) * UNIT_MS[unit as Unit];
  return totalMs;
}

/**
 * Milliseconds of a duration that a schema has already accepted. Pure.
 * @throws Error if the text is not a duration
 */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new Error(`"${text}" is not a duration`);
  return ms;
}

/** Formats milliseconds in the largest units that give them exactly: 5400000 → `"1h30m"`. Pure. */
export function formatDuration(totalMs: number): string {
  let rest = totalMs;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const count = Math.floor(rest / UNIT_MS[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * UNIT_MS[unit];
  }
  return text === '' ? '0s' : text;
}

/** A zod schema for durations between two bounds, both included. */
export function durationSchema(limits: { minMs: number; maxMs: number; wholeSeconds?: boolean }) {
  return z
    .string()
    .superRefine((text, context) => {
      const ms = parseDuration(text);
      const range = `from ${formatDuration(limits.minMs)} to ${formatDuration(limits.maxMs)}`;
      if (ms === undefined) {
        context.addIssue({
          code: 'custom',
          message: `${JSON.stringify(text.slice(0, 64))} is not a duration; write one ${range} with the units d, h, m, s, ms, such as "15m" or "1h30m"`,
        });
      } else if (ms < limits.minMs || ms > limits.maxMs) {
        context.addIssue({
          code: 'custom',
          message: `the duration "${text}" is out of range; it must be ${range}`,
        });
      } else if (limits.wholeSeconds && ms % 1_000 !== 0) {
        context.addIssue({
          code: 'custom',
          message: `the duration "${text}" must be a whole number of seconds`,
        });
      }
    })
    .meta({ pattern: DURATION.source });
}
