import { SpanKind } from '@opentelemetry/api';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_RESEND_COUNT,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_URL_FULL,
} from '@opentelemetry/semantic-conventions';
import type { BegunRun } from '../../db/runs/begin-run.ts';
import { isRequested, traceIdOf } from '../../domain/run/origin.ts';
import type { AttemptResult } from '../../domain/run/workflow-contract.ts';
import { currentTraceId, currentTraceparent, failSpan, inSpan } from '../../platform/spans.ts';
import { runLogFields } from '../../scheduling/runs/run-fields.ts';
import type { CallOutcome } from '../call/call-http.ts';
import type { PreparedCall } from '../call/prepare-call.ts';

/** The fields of each log line about a run. */
export function tracedRunLogFields(run: Pick<BegunRun, 'id' | 'job' | 'origin'>) {
  return {
    ...runLogFields({ ...run, job_id: run.job.id }),
    traceId: currentTraceId() ?? traceIdOf(run.id),
  };
}

/**
 * Makes and records an attempt within a span. A run that a traced request asked for continues the trace
 * of that request. Any other run has a trace of its own, with a link to the request that created or
 * changed its job.
 */
export function traceAttempt<Result extends { result: AttemptResult }>(
  run: BegunRun,
  number: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const traceparent = run.origin?.traceparent;
  const isPartOfRequest = isRequested(run.trigger) || run.retry_of !== null;
  const parent =
    isPartOfRequest && traceparent !== undefined
      ? { headers: { traceparent } }
      : { traceId: traceIdOf(run.id), link: traceparent };
  const attributes = {
    'scheduler.job.id': run.job.id,
    'scheduler.run.id': run.id,
    'scheduler.run.trigger': run.trigger,
    'scheduler.attempt': number,
  };
  return inSpan('attempt', { ...parent, attributes }, async (span) => {
    const done = await work();
    const { outcome } = done.result.attempt;
    span.setAttribute('scheduler.attempt.outcome', outcome);
    if (outcome !== 'succeeded') failSpan(span, outcome);
    return done;
  });
}

/**
 * Makes the call of an attempt within a span, whose `traceparent` the target gets. Without tracing,
 * makes it as prepared.
 */
export function traceCall(
  call: PreparedCall,
  attempt: number,
  work: (call: PreparedCall) => Promise<CallOutcome>,
): Promise<CallOutcome> {
  const { url, method } = call;
  const attributes = {
    [ATTR_HTTP_REQUEST_METHOD]: method,
    // A query may hold secrets.
    [ATTR_URL_FULL]: url.origin + url.pathname,
    [ATTR_SERVER_ADDRESS]: url.hostname,
    [ATTR_SERVER_PORT]: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    ...(attempt > 1 ? { [ATTR_HTTP_REQUEST_RESEND_COUNT]: attempt - 1 } : {}),
  };
  return inSpan(method, { kind: SpanKind.CLIENT, attributes }, async (span) => {
    const traceparent = currentTraceparent();
    const headers = { ...call.headers, ...(traceparent === undefined ? {} : { traceparent }) };
    const outcome = await work({ ...call, headers });
    const { statusCode, verdict } = outcome;
    if (statusCode !== null) span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, statusCode);
    // The author of the job decides which statuses are failures.
    if (verdict !== 'succeeded') failSpan(span, statusCode === null ? '_OTHER' : String(statusCode));
    return outcome;
  });
}
