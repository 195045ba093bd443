/** One error in an input: its path (`schedule.cron`), a code, and a message that says what would be right. */
export interface FieldError {
  path: string;
  code: string;
  message: string;
}

/** Why a request is refused. `api/rest/problem.ts` maps each code to its HTTP status and title. */
export type ErrorCode =
  | 'not_http'
  | 'not_json'
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'name_taken'
  | 'idempotency_in_flight'
  | 'idempotency_mismatch'
  | 'precondition_failed'
  | 'too_many'
  | 'too_many_jobs'
  | 'keys_off'
  | 'rate_limited'
  | 'calendar_in_use'
  | 'completed'
  | 'run_ended'
  | 'run_under_way'
  | 'several_occurrences'
  | 'job_deleted'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'request_timeout'
  | 'headers_too_large'
  | 'unavailable'
  | 'internal';

/** The only error class of the service. Its message is shown to the caller, its `cause` is only logged. */
export class SchedulerError extends Error {
  readonly code: ErrorCode;
  readonly errors: FieldError[];

  constructor(code: ErrorCode, message: string, options: { errors?: FieldError[]; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'SchedulerError';
    this.code = code;
    this.errors = options.errors ?? [];
  }
}

/** The error for an input with invalid fields. It lists all of them. */
export function invalid(errors: FieldError[]): SchedulerError {
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const detail = first
    ? `${first.path === '' ? '' : `${first.path}: `}${first.message}${more}`
    : 'The input is not valid.';
  return new SchedulerError('invalid', detail, { errors });
}
