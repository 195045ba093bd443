import { z } from 'zod';
import { describeUnknownPlaceholders, findUnknownPlaceholders } from './placeholder.ts';
import { propertyNames } from '../property-names.ts';
import { HiddenSecret, secretOf } from './secret.ts';

const MAX_HEADERS = 64;
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// RFC 9110, 5.5: visible characters, spaces and tabs. Above all no line break, which would begin another header.
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Headers that belong to the connection, or that every call of a run gets from the scheduler. */
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

/** Tells whether no author may set a header; upper and lower case do not count. Pure. */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return RESERVED_HEADERS.includes(lower) || RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

const HeaderName = z
  .string()
  .max(200, { error: 'a header name has at most 200 characters' })
  .regex(HEADER_NAME, { error: 'this is not a valid header name; use letters, digits and hyphens' })
  .refine((name) => !isReservedHeader(name), {
    error: 'this header is set by the scheduler itself; leave it out',
  });

const headerValue = () =>
  z
    .string()
    .max(8_192)
    .regex(HEADER_VALUE, {
      error: ({ input }) =>
        /[^\0-\xff]/.test(String(input))
          ? 'a header value holds characters up to U+00FF alone (RFC 9110, 5.5); write others in ASCII, for example percent-encoded (RFC 8187)'
          : 'a header value holds no line breaks and no control characters',
    })
    .refine((text) => !/^[\t ]|[\t ]$/.test(text), {
      error:
        'a header value must not begin or end with a blank or a tab: receivers take them away (RFC 9110, 5.5)',
    });

const headersWith = <Secret extends z.ZodType>(secret: Secret) =>
  z.record(HeaderName, z.union([headerValue(), z.strictObject({ secret })])).meta(propertyNames(HeaderName));

/** The headers of a call as their author gives them; a secret one is given as `{ "secret": "…" }`. */
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
      error: 'two headers have the same name, for upper and lower case do not count; keep one of them',
    },
  )
  .meta({
    ...propertyNames(HeaderName, MAX_HEADERS),
    description: 'A value is a text, or `{ "secret": "…" }` for one that is never to be shown.',
    example: { 'Content-Type': 'application/json', Authorization: { secret: 'Bearer 0c47a9e1' } },
  });

/** The headers of a call as they are stored and answered. */
export const StoredHeaders = headersWith(HiddenSecret);
