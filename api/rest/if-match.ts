import { z } from 'zod';
import type { JobRow } from '../../db/schema.ts';
import { SchedulerError } from '../../domain/errors.ts';

/** A job's strong entity tag: every change of a job raises its generation. */
export const etagOf = (job: JobRow) => `"${job.generation}"`;

// RFC 9110, 8.8.3 and 13.1.1. Empty elements of a list count for nothing.
// Those of ASCII alone: ours are digits.
const TAG = String.raw`(?:W/)?"[\x21\x23-\x7e]*"`;
const IF_MATCH = new RegExp(String.raw`^(?:\*|[ \t,]*${TAG}(?:[ \t]*,[ \t,]*${TAG})*[ \t,]*)$`);

/** The headers of an operation that changes a job which its caller has read before. */
export const IfMatchHeaders = z.strictObject({
  'If-Match': z
    .string()
    .regex(IF_MATCH, { error: 'must be * or a list of ETags in double quotes, such as "3"' })
    .optional()
    .meta({
      description:
        'The ETag under which the job was read, or several; weak ones match nothing. If the job has changed since, the answer is 412 and nothing has changed. Without it, the last write wins.',
      example: '"3"',
    }),
});
export type IfMatchHeaders = z.infer<typeof IfMatchHeaders>;

/** @throws SchedulerError `precondition_failed` when the job is not one of those that the caller wants to change */
export function requireMatch({ 'If-Match': ifMatch }: IfMatchHeaders, job: JobRow): void {
  if (ifMatch === undefined || ifMatch === '*') return;
  const etag = etagOf(job);
  const tags: string[] = ifMatch.match(new RegExp(TAG, 'g')) ?? [];
  if (tags.includes(etag)) return;
  throw new SchedulerError(
    'precondition_failed',
    `The job has changed: its ETag is ${etag}, which If-Match does not name. Nothing was changed; read it again.`,
  );
}
