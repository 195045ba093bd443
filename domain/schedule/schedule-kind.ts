import type { z } from 'zod';

/** The fields of which a schedule has exactly one. */
const KINDS = ['cron', 'every', 'at', 'calendar'] as const;

/**
 * Reports errors that the schema of a single kind could not report well: several kinds at once, fields that are null, and
 * local times without a time zone. Returns the input unchanged.
 */
export function checkKind(input: unknown, context: z.core.$RefinementCtx): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  const fields = Object.entries(input);
  for (const [name, value] of fields) {
    if (value !== null) continue;
    const message = 'must not be null; leave the field out (only in a PATCH does null remove a field)';
    context.addIssue({ code: 'custom', path: [name], message });
  }
  const kinds = KINDS.filter((kind) => fields.some(([name, value]) => name === kind && value !== null));
  if (kinds.length > 1) {
    const message = `holds ${kinds.join(' and ')}, which exclude each other; a schedule has exactly one of ${KINDS.join(', ')}`;
    context.addIssue({ code: 'custom', message });
  }
  const { at, timeZone } = input as { at?: unknown; timeZone?: unknown };
  if (timeZone !== undefined) return input;
  for (const [index, entry] of (Array.isArray(at) ? at : [at]).entries()) {
    if (typeof entry !== 'string' || !LOCAL.test(entry)) continue;
    const message = `${JSON.stringify(entry)} has no offset from UTC; add one as in RFC 3339, such as "Z" or "+01:00", or name the timeZone whose local time it is`;
    context.addIssue({ code: 'custom', path: Array.isArray(at) ? ['at', index] : ['at'], message });
  }
  return input;
}

const LOCAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?$/;
