import { durationMs } from '../../domain/duration.ts';
import { classifyStatus, type Verdict } from '../../domain/target/http-status.ts';
import { retryAfterMs } from '../../domain/target/retry-after.ts';
import type { Retry } from '../../domain/target/retry.ts';
import type { StoredHttpTarget } from '../../domain/target/http-target.ts';
import { findUrlFault } from '../../domain/target/target-url.ts';
import { followRedirect, MAX_REDIRECTS } from './follow-redirect.ts';
import { describeError } from './describe-error.ts';
import type { HttpResponse } from './exchange.ts';
import { ProxyError } from './open-tunnel.ts';
import { ForbiddenAddressError } from './ssrf-guard.ts';
import type { Dispatcher } from './guarded-dispatcher.ts';
import type { PreparedCall } from './prepare-call.ts';
import { excerptOf } from './response-excerpt.ts';
import { MAX_ERROR_LENGTH, toStorable } from './redact.ts';

/** How an HTTP call ended. */
export interface CallOutcome {
  verdict: Verdict;
  statusCode: number | null;
  error: string | null;
  responseExcerpt: string | null;
  /** Milliseconds for which the target asks callers to wait (Retry-After). */
  retryAfterMs?: number;
}

/** The settings of a job for making a call and classifying its response. */
export type CallRules = Pick<StoredHttpTarget, 'timeout' | 'successStatus' | 'followRedirects'> &
  Pick<Retry, 'retryStatus'>;

/**
 * Makes one HTTP call. Never throws: an error is an outcome, too. A broken connection and a timeout are
 * retryable; an address that the SSRF guard forbids is final; the rules classify a status, but an
 * incomplete response is never a success. Secrets of the call are redacted from the outcome.
 */
export async function callHttp(
  dispatcher: Dispatcher,
  call: PreparedCall,
  rules: CallRules,
  abort: AbortSignal,
): Promise<CallOutcome> {
  const timeout = AbortSignal.timeout(durationMs(rules.timeout));
  const describe = (error: unknown) =>
    timeout.aborted
      ? `no complete answer within ${rules.timeout}${error instanceof ProxyError ? `: ${error.message}` : ''}`
      : describeError(error);
  try {
    const signal = AbortSignal.any([timeout, abort]);
    const { response, refusal } = await sendFollowing(dispatcher, call, rules, signal);
    const { statusCode, headers, fault } = response;
    const byStatus = classifyStatus(statusCode, rules);
    const verdict = fault && byStatus === 'succeeded' ? 'retryable' : byStatus;
    const waitMs = retryAfterMs(statusCode, single(headers['retry-after']), Date.now());
    const incomplete = fault ? `, but not to the end: ${describe(fault)}` : '';
    const message = refusal ?? `the target answered ${statusCode}${incomplete}`;
    return {
      verdict,
      statusCode,
      error: verdict === 'succeeded' ? null : toStorable(message, call.secrets, MAX_ERROR_LENGTH),
      responseExcerpt: await excerptOf(response, call.secrets),
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    };
  } catch (error) {
    const isFinal = error instanceof ForbiddenAddressError || error instanceof ForbiddenUrlError;
    return {
      verdict: isFinal ? 'final' : 'retryable',
      statusCode: null,
      error: toStorable(describe(error), call.secrets, MAX_ERROR_LENGTH),
      responseExcerpt: null,
    };
  }
}

/** With its placeholders filled in, the URL must not be called. */
class ForbiddenUrlError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'ForbiddenUrlError';
  }
}

/**
 * Sends a call, and follows redirects if the rules say so. Returns the last response, and why its
 * redirect is not followed.
 */
async function sendFollowing(
  dispatcher: Dispatcher,
  first: PreparedCall,
  { followRedirects, successStatus, retryStatus }: CallRules,
  signal: AbortSignal,
): Promise<{ response: HttpResponse; refusal?: string }> {
  const fault = findUrlFault(first.url.href);
  if (fault) throw new ForbiddenUrlError(fault);
  let call = first;
  for (let redirects = 0; ; redirects++) {
    const { url, method, body } = call;
    const headers = { ...call.headers, ...call.privateHeaders };
    const response = await dispatcher.request({ url, method, headers, body }, signal);
    const { statusCode } = response;
    const isStatusConfigured = classifyStatus(statusCode, { successStatus, retryStatus }) !== 'final';
    if (!followRedirects || isStatusConfigured) return { response };
    const redirect = followRedirect(call, statusCode, single(response.headers['location']), {
      mayLosePost: followRedirects === 'asGet',
    });
    if (!redirect) return { response };
    if ('refusal' in redirect) return { response, refusal: redirect.refusal };
    if (redirects === MAX_REDIRECTS)
      return { response, refusal: `the target redirected more than ${MAX_REDIRECTS} times` };
    call = redirect.call;
  }
}

const single = (header: string | string[] | undefined) => (Array.isArray(header) ? header[0] : header);
