import { z } from 'zod';
import { describeUnknownPlaceholders, findUnknownPlaceholders } from './placeholder.ts';
import { propertyNames } from '../property-names.ts';
import { HiddenSecret, secretOf } from './secret.ts';

const MAX_HEADERS = 64;
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// RFC 9110, 5.5: visible characters, spaces and tabs. A line break would begin another header (header injection).
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Headers of the connection, and headers that the scheduler sets on every call. Among them is Idempotency-Key, with which
 * at-least-once delivery is effectively once.
 */
const RESERVED_HEADERS = [
  'connection',
  'content-length',
  'expect',
  'host',
  'idempotency-key',
  'keep-alive',
  'te',
  'traceparent',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
const RESERVED_PREFIXES = ['webhook-', 'x-scheduler-'];

/** Whether a job may not set a header, ignoring case. Pure. */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return RESERVED_HEADERS.includes(lower) || RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

const HeaderName = z
  .string()
  .max(200, { error: 'a header name has at most 200 characters' })
  .regex(HEADER_NAME, { error: 'this is not a valid header name; use letters, digits and hyphens' })
  .refine((name) => !isReservedHeader(name), {
    error: 'this header is set by the scheduler; leave it out',
  });

const headerValue = () =>
  z
    .string()
    .max(8_192)
    .regex(HEADER_VALUE, {
      error: ({ input }) =>
        /[^\0-\xff]/.test(String(input))
          ? 'a header value can hold only characters up to U+00FF (RFC 9110, 5.5); encode others in ASCII, for example percent-encoded (RFC 8187)'
          : 'a header value cannot hold line breaks or other control characters',
    })
    .refine((text) => !/^[\t ]|[\t ]$/.test(text), {
      error:
        'a header value must not begin or end with a blank or a tab, because receivers remove them (RFC 9110, 5.5)',
    });

const headersWith = <Secret extends z.ZodType>(secret: Secret) =>
  z.record(HeaderName, z.union([headerValue(), z.strictObject({ secret })])).meta(propertyNames(HeaderName));

/** The headers of a call in requests. A secret value is written `{ "secret": "…" }`. */
export const Headers = headersWith(secretOf(headerValue().min(1)))
  .superRefine((headers, context) => {
    for (const [name, value] of Object.entries(headers)) {
      const unknown = findUnknownPlaceholders(typeof value === 'string' ? value : '');
      if (unknown.length > 0)
        context.addIssue({ code: 'custom', path: [name], message: describeUnknownPlaceholders(unknown) });
    }
  })
  .refine((headers) => Object.keys(headers).length <= MAX_HEADERS, {
    error: `at most ${MAX_HEADERS} headers are allowed`,
  })
  .refine(
    (headers) =>
      new Set(Object.keys(headers).map((name) => name.toLowerCase())).size === Object.keys(headers).length,
    {
      error: 'two headers have the same name, because case is ignored; keep one of them',
    },
  )
  .meta({
    ...propertyNames(HeaderName, MAX_HEADERS),
    description: 'A value is a string, or `{ "secret": "…" }` for a value that is never shown.',
    example: { 'Content-Type': 'application/json', Authorization: { secret: 'Bearer 0c47a9e1' } },
  });

/** The headers of a call as stored and in responses. */
export const StoredHeaders = headersWith(HiddenSecret);
