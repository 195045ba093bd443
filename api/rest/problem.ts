import { z } from 'zod';
import { isDatabaseUnavailable } from '../../db/unavailable.ts';
import { SchedulerError, type ErrorCode } from '../../domain/errors.ts';

/** The status and title of each error, and after how long a caller may try again. Nothing else knows statuses. */
export const PROBLEMS: Record<ErrorCode, { status: number; title: string; retryAfterSeconds?: number }> = {
  not_http: { status: 400, title: 'The request is not HTTP' },
  not_json: { status: 400, title: 'The body is not JSON' },
  unauthenticated: { status: 401, title: 'The caller is not known' },
  forbidden: { status: 403, title: 'Not allowed' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  request_timeout: { status: 408, title: 'The request took too long' },
  name_taken: { status: 409, title: 'The name is taken' },
  idempotency_in_flight: { status: 409, title: 'The same request is in flight', retryAfterSeconds: 1 },
  completed: { status: 409, title: 'The job is completed' },
  run_ended: { status: 409, title: 'The run has ended' },
  run_under_way: { status: 409, title: 'The run has not ended' },
  several_occurrences: { status: 409, title: 'The run stands for several occurrences' },
  calendar_in_use: { status: 409, title: 'The calendar is in use' },
  too_many_jobs: { status: 409, title: 'The namespace is full' },
  keys_off: { status: 409, title: 'API keys are off' },
  job_deleted: { status: 409, title: 'The job was deleted' },
  precondition_failed: { status: 412, title: 'The precondition failed' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  invalid: { status: 422, title: 'The input is not valid' },
  idempotency_mismatch: { status: 422, title: 'The idempotency key was used for another request' },
  too_many: { status: 422, title: 'Too many at once' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  rate_limited: { status: 429, title: 'Too many requests', retryAfterSeconds: 60 },
  internal: { status: 500, title: 'Internal error' },
  unavailable: { status: 503, title: 'Temporarily unavailable', retryAfterSeconds: 2 },
};

/** The body of an error response: application/problem+json (RFC 9457). */
export const Problem = z
  .strictObject({
    type: z.string().meta({ description: 'The kind of problem, as a URI reference.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({
      description: 'What is wrong, where, and what would be right. For people: the text can change.',
    }),
    instance: z.string().meta({ description: 'The path of the request.' }),
    code: z.string().meta({ description: 'The kind of problem, for programs. Codes do not change.' }),
    requestId: z.string().meta({ description: 'Identifies the request in the logs of the service.' }),
    errors: z
      .array(z.strictObject({ path: z.string(), code: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'The faults of the input.' }),
  })
  .meta({
    id: 'Problem',
    example: {
      type: '/docs#invalid',
      title: 'The input is not valid',
      status: 422,
      detail: 'schedule.cron: hour 25 is out of range 0–23 in "0 25 * * *" at position 3',
      instance: '/jobs',
      code: 'invalid',
      requestId: '0d9f8c5e-3c0e-4a53-8d8e-0c5a3f0f5b1e',
      errors: [
        {
          path: 'schedule.cron',
          code: 'custom',
          message: 'hour 25 is out of range 0–23 in "0 25 * * *" at position 3',
        },
      ],
    },
  });
export type Problem = z.infer<typeof Problem>;

/** Turns anything thrown into an error that can be answered. The text of unknown errors stays in the log. */
export function toSchedulerError(error: unknown): SchedulerError {
  if (error instanceof SchedulerError) return error;
  if (isDatabaseUnavailable(error)) {
    return new SchedulerError('unavailable', 'The database is not available at the moment; try again.', {
      cause: error,
    });
  }
  return new SchedulerError(
    'internal',
    'The service failed to handle the request; its log holds the reason under the request id.',
    { cause: error },
  );
}

/** The body of the response to an error. */
export function toProblem(error: SchedulerError, request: { path: string; id: string }): Problem {
  const { status, title } = PROBLEMS[error.code];
  return {
    type: `/docs#${error.code}`,
    title,
    status,
    detail: error.message,
    instance: request.path,
    code: error.code,
    requestId: request.id,
    ...(error.errors.length > 0 ? { errors: error.errors } : {}),
  };
}
