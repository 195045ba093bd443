import { z } from 'zod';
import { durationSchema } from './duration.ts';
import { findUrlFault } from './target-url.ts';

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// RFC 9110, 5.5: visible characters, spaces and tabs. Above all no line break, which would begin another header.
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Headers that belong to the connection or are worked out from the request itself. */
const RESERVED_HEADERS = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

const Headers = z
  .record(
    z
      .string()
      .max(200, { error: 'a header name has at most 200 characters' })
      .regex(HEADER_NAME, { error: 'this is not a valid header name; use letters, digits and hyphens' })
      .refine((name) => !RESERVED_HEADERS.includes(name.toLowerCase()), {
        error: 'this header is set by the scheduler itself; leave it out',
      }),
    z
      .string()
      .max(8_192)
      .regex(HEADER_VALUE, { error: 'a header value holds no line breaks and no control characters' }),
  )
  .refine((headers) => Object.keys(headers).length <= 64, { error: 'at most 64 headers are allowed' })
  .meta({ example: { 'Content-Type': 'application/json' } });

const Url = z
  .string()
  .max(8_192)
  .superRefine((text, context) => {
    const fault = findUrlFault(text);
    if (fault) context.addIssue({ code: 'custom', message: fault });
  })
  .meta({ format: 'uri', example: 'https://example.com/hooks/report' });

/** An HTTP call. */
export const HttpTarget = z
  .strictObject({
    type: z.literal('http'),
    url: Url,
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
    headers: Headers.default({}),
    // What comes out of a JSON parser is JSON: there is nothing left to check.
    body: z
      .unknown()
      .optional()
      .meta({
        description:
          'Text is sent as it is (text/plain), anything else as JSON. A Content-Type header of yours wins.',
        example: { report: 'weekly' },
      }),
    timeout: durationSchema({ minMs: 100, maxMs: 900_000 })
      .default('30s')
      .meta({ description: 'For one call, from the connection to the end of the answer.', example: '30s' }),
  })
  .superRefine((target, context) => {
    if (target.method === 'GET' && target.body !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['body'],
        message: 'a GET call has no body; use POST, or leave the body out',
      });
    }
  })
  .meta({ id: 'HttpTarget', description: 'An HTTP call. Redirects are not followed.' });
export type HttpTarget = z.infer<typeof HttpTarget>;

/** What a job does when it fires. */
export const Target = z.discriminatedUnion('type', [HttpTarget]).meta({ id: 'Target' });
export type Target = z.infer<typeof Target>;
