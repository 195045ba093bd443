import { z } from 'zod';
import { durationSchema } from '../duration.ts';
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
    description: 'An http or https URL; it may hold placeholders.',
    example: 'https://example.com/hooks/report',
  });

function findPlaceholderFault(text: string): string | undefined {
  const unknown = findUnknownPlaceholders(text);
  if (unknown.length > 0) return describeUnknownPlaceholders(unknown);
  // Filled in, or its backslash taken away, it must still call the host that it seems to call.
  const filled = fillInText(text, { scheduledAt: 'x', jobId: 'x', runId: 'x', attempt: 'x' });
  return URL.canParse(filled) && new URL(filled).origin === new URL(text).origin
    ? findUrlFault(filled)
    : 'placeholders can stand in the path and in the query of the URL alone';
}

const NO_BASE64 =
  'must be base64 as of RFC 4648, section 4: letters, digits, "+" and "/", padded with "=", and nothing else, no line breaks either';

/** Methods of which a call has no body. */
const WITHOUT_BODY = ['GET', 'HEAD'];

/** Tells whether a call can have a body: whether its method gives it a meaning (RFC 9110, 9.3), and none is there yet. Pure. */
export const lacksBody = ({ method, body, bodyBase64 }: StoredHttpTarget) =>
  !WITHOUT_BODY.includes(method) && body === undefined && bodyBase64 === undefined;

/** What a call is made of; how its secrets are written, its author and an answer do each in their own way. */
const httpCall = <HeaderFields extends z.ZodType, SigningFields extends z.ZodType>(
  headers: HeaderFields,
  signing: SigningFields,
) =>
  z.strictObject({
    type: z.literal('http'),
    url: Url,
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('POST'),
    headers,
    // What comes out of a JSON parser is JSON: there is nothing left to check.
    body: z
      .unknown()
      .optional()
      .meta({
        description:
          'Text is sent as it is (text/plain), anything else as JSON. A Content-Type header of yours wins. `{{scheduledAt}}`, `{{jobId}}`, `{{runId}}` and `{{attempt}}` in its texts, in headers that are not secret, and in the path and query of the URL, are filled in.',
        example: { report: 'weekly', run: '{{runId}}' },
      }),
    bodyBase64: z
      .string()
      .regex(/^[A-Za-z0-9+/]*={0,2}$/, { error: NO_BASE64, abort: true })
      // A longer pattern would overflow the stack. What is not padded, or has bits beyond its bytes, is written otherwise.
      .refine((text) => Buffer.from(text, 'base64').toString('base64') === text, { error: NO_BASE64 })
      .optional()
      .meta({
        description:
          'Bytes that are sent in place of `body`, in base64 (RFC 4648, section 4); application/octet-stream, unless a Content-Type header of yours says otherwise. The signature is that of the bytes.',
        example: 'iVBORw0KGgo=',
      }),
    timeout: durationSchema({ minMs: 100, maxMs: 900_000 }).default('30s').meta({
      description:
        'For one call, from the connection to the end of the answer. In the first two seconds of a first call, a cancelled run may not break it off.',
      example: '30s',
    }),
    successStatus: StatusList.min(1)
      .default(STATUS_DEFAULTS.successStatus)
      .meta({ description: 'Answers that count as success.', example: ['200-299'] }),
    followRedirects: z
      .union([z.boolean(), z.literal('asGet')], {
        error: 'must be true, false, or "asGet", which also follows a 301 or 302 that makes a GET of a POST',
      })
      .default(false)
      .meta({
        description:
          'Whether a redirect is followed, five in a row at most. 307 and 308 keep the method and the body; 303 is followed with a GET. 301 and 302 would make a GET without a body of a POST: the run fails, unless this is "asGet". To another origin, headers of yours and the signature do not go along.',
      }),
    signing,
  });

/** An HTTP call as its author gives it; in the body, these placeholders may stand. */
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

/** An HTTP call, as the author of a job gives it. */
export const HttpTarget = httpTargetWith(PLACEHOLDERS).meta({
  id: 'HttpTarget',
  description: 'An HTTP call.',
});
export type HttpTarget = z.infer<typeof HttpTarget>;

/** An HTTP call as it is stored and answered, without its secrets. */
export const StoredHttpTarget = httpCall(StoredHeaders, StoredSigning.optional()).meta({
  id: 'StoredHttpTarget',
  description: 'An HTTP call; in place of a secret stands `true`.',
});
export type StoredHttpTarget = z.infer<typeof StoredHttpTarget>;
