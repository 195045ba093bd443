import { z } from 'zod';
import { SchedulerError } from '../../domain/errors.ts';

/** The strong ETag of a job or a calendar: its generation, which each change raises. */
export const etagOf = ({ generation }: { generation: number }) => `"${generation}"`;

// RFC 9110, 8.8.3 and 13.1.1, with empty list elements, but ASCII only.
const TAG = String.raw`(?:W/)?"[\x21\x23-\x7e]*"`;
const IF_MATCH = new RegExp(String.raw`^(?:\*|[ \t,]*${TAG}(?:[ \t]*,[ \t,]*${TAG})*[ \t,]*)$`);

/** The headers of an operation that changes a job or a calendar. */
export const IfMatchHeaders = z.strictObject({
  'If-Match': z
    .string()
    .regex(IF_MATCH, { error: 'must be * or a list of ETags in double quotes, such as "3"' })
    .optional()
    .meta({
      description:
        'The ETag of the resource when it was read, or a list of ETags; weak ones never match. If it has changed since, the request is refused (412) and changes nothing. Without this header, the last write wins.',
      example: '"3"',
    }),
});
export type IfMatchHeaders = z.infer<typeof IfMatchHeaders>;

/** @throws SchedulerError `precondition_failed` if `If-Match` does not name the present ETag of the resource */
export function requireMatch(
  { 'If-Match': ifMatch }: IfMatchHeaders,
  resource: { generation: number },
  what = 'job',
): void {
  if (ifMatch === undefined || ifMatch === '*') return;
  const etag = etagOf(resource);
  const tags: string[] = ifMatch.match(new RegExp(TAG, 'g')) ?? [];
  if (tags.includes(etag)) return;
  throw new SchedulerError(
    'precondition_failed',
    `The ${what} has changed: its ETag is ${etag}, which If-Match does not name. Read the ${what} again; this request changed nothing.`,
  );
}
