import { z } from 'zod';
import { durationSchema } from '../duration.ts';
import { parseUrl } from '../parse-url.ts';
import { STATUS_DEFAULTS, StatusList } from './http-status.ts';
import {
  describeUnknownPlaceholders,
  fillInText,
  findUnknownPlaceholders,
  PLACEHOLDERS,
} from './placeholder.ts';
import { Signing, StoredSigning } from './signing.ts';
import { Headers, StoredHeaders } from './target-headers.ts';
import { findUrlFault } from './target-url.ts';

const Url = z
  .string()
  .max(8_192)
  .superRefine((text, context) => {
    const fault = findUrlFault(text) ?? findPlaceholderFault(text);
    if (fault) context.addIssue({ code: 'custom', message: fault });
  })
  .meta({
    description: 'An http or https URL, which may hold placeholders.',
    example: 'https://example.com/hooks/report',
  });

function findPlaceholderFault(text: string): string | undefined {
  const unknown = findUnknownPlaceholders(text);
  if (unknown.length > 0) return describeUnknownPlaceholders(unknown);
  // With its placeholders filled in and backslashes removed, the URL must still name the same host.
  const values = { scheduledAt: 'x', jobId: 'x', runId: 'x', attempt: 'x', fencingToken: 'x' };
  const filled = fillInText(text, values);
  return parseUrl(filled)?.origin === new URL(text).origin
    ? findUrlFault(filled)
    : 'placeholders are allowed only in the path and in the query of the URL';
}

const NO_BASE64 =
  'must be base64 as of RFC 4648, section 4: letters, digits, "+" and "/", padded with "=", without line breaks';

/** Methods whose calls have no body. */
const WITHOUT_BODY = ['GET', 'HEAD'];

/** Whether a call has no body although its method allows one (RFC 9110, 9.3). Pure. */
export const lacksBody = ({ method, body, bodyBase64 }: StoredHttpTarget) =>
  !WITHOUT_BODY.includes(method) && body === undefined && bodyBase64 === undefined;

/** The fields of an HTTP call. Headers and signing differ between requests, which hold secrets, and responses. */
const httpCall = <HeaderFields extends z.ZodType, SigningFields extends z.ZodType>(
  headers: HeaderFields,
  signing: SigningFields,
) =>
  z.strictObject({
    type: z.literal('http'),
    url: Url,
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('POST'),
    headers,
    // Any JSON.
    body: z
      .unknown()
      .optional()
      .meta({
        description:
          'A string is sent as it is (text/plain), anything else as JSON, unless you set Content-Type. `{{scheduledAt}}`, `{{jobId}}`, `{{runId}}`, `{{attempt}}` and `{{fencingToken}}` are filled in here, in headers that are not secret, and in the path and query of the URL.',
        example: { report: 'weekly', run: '{{runId}}' },
      }),
    bodyBase64: z
      .string()
      .regex(/^[A-Za-z0-9+/]*={0,2}$/, { error: NO_BASE64, abort: true })
      // Checked without a pattern, which would overflow the stack. Missing padding and stray bits do not survive the round trip.
      .refine((text) => Buffer.from(text, 'base64').toString('base64') === text, { error: NO_BASE64 })
      .optional()
      .meta({
        description:
          'Bytes to send instead of `body`, in base64 (RFC 4648, section 4). They are sent as application/octet-stream, unless you set Content-Type. The signature covers the bytes.',
        example: 'iVBORw0KGgo=',
      }),
    timeout: durationSchema({ minMs: 100, maxMs: 900_000 }).default('30s').meta({
      description:
        'Limits one call, from the connection to the end of the response. Cancelling a run may not abort its first call within the first two seconds.',
      example: '30s',
    }),
    successStatus: StatusList.min(1)
      .default(STATUS_DEFAULTS.successStatus)
      .meta({ description: 'The statuses that count as success.', example: ['200-299'] }),
    followRedirects: z
      .union([z.boolean(), z.literal('asGet')], {
        error:
          'must be true, false, or "asGet", which also follows a 301 or 302 that turns a POST into a GET',
      })
      .default(false)
      .meta({
        description:
          'Whether redirects are followed, at most five in a row. 307 and 308 keep the method and the body; 303 is followed with a GET. 301 and 302 would turn a POST into a GET without a body: the run fails, unless this is "asGet". Your headers and the signature are not sent to another origin.',
      }),
    signing,
  });

/** The schema of an HTTP call in requests, with the placeholders that its body may hold. */
export const httpTargetWith = (bodyPlaceholders: readonly string[]) =>
  httpCall(Headers.default({}), Signing.optional()).superRefine((target, context) => {
    for (const field of ['body', 'bodyBase64'] as const) {
      if (!WITHOUT_BODY.includes(target.method) || target[field] === undefined) continue;
      const message = `a ${target.method} call has no body; use POST, or leave ${field} out`;
      context.addIssue({ code: 'custom', path: [field], message });
    }
    if (target.body !== undefined && target.bodyBase64 !== undefined) {
      const message = 'a call has one body: give body, or bodyBase64 for bytes, and leave the other out';
      context.addIssue({ code: 'custom', path: ['bodyBase64'], message });
    }
    const unknown = findUnknownPlaceholders(target.body, bodyPlaceholders);
    if (unknown.length > 0) {
      const message = describeUnknownPlaceholders(unknown, bodyPlaceholders);
      context.addIssue({ code: 'custom', path: ['body'], message });
    }
  });

/** An HTTP call in requests. */
export const HttpTarget = httpTargetWith(PLACEHOLDERS).meta({
  id: 'HttpTarget',
  description: 'An HTTP call.',
});
export type HttpTarget = z.infer<typeof HttpTarget>;

/** An HTTP call as stored and in responses, without secrets. */
export const StoredHttpTarget = httpCall(StoredHeaders, StoredSigning.optional()).meta({
  id: 'StoredHttpTarget',
  description: 'An HTTP call. Secrets are shown as `true`.',
});
export type StoredHttpTarget = z.infer<typeof StoredHttpTarget>;
