import { durationMs } from '../../domain/duration.ts';
import { classifyStatus, type Verdict } from '../../domain/target/http-status.ts';
import { retryAfterMs } from '../../domain/target/retry-after.ts';
import type { Retry } from '../../domain/target/retry.ts';
import type { StoredHttpTarget } from '../../domain/target/http-target.ts';
import { findUrlFault } from '../../domain/target/target-url.ts';
import { followRedirect, MAX_REDIRECTS } from './follow-redirect.ts';
import { describeError } from './describe-error.ts';
import type { Answer } from './exchange.ts';
import { ProxyError } from './open-tunnel.ts';
import { ForbiddenAddressError } from './resolve-allowed.ts';
import type { Dispatcher } from './guarded-dispatcher.ts';
import type { PreparedCall } from './prepare-call.ts';
import { excerptOf } from './response-excerpt.ts';
import { MAX_ERROR_LENGTH, toStorable } from './redact.ts';

/** How a call ended. */
export interface CallOutcome {
  verdict: Verdict;
  statusCode: number | null;
  error: string | null;
  responseExcerpt: string | null;
  /** For so many milliseconds the target asks to be left alone. */
  retryAfterMs?: number;
}

/** What the author of the job says about how a call is made and judged. */
export type CallRules = Pick<StoredHttpTarget, 'timeout' | 'successStatus' | 'followRedirects'> &
  Pick<Retry, 'retryStatus'>;

/**
 * Makes one HTTP call. Never throws: whatever goes wrong is an outcome. A broken connection and a timeout are worth
 * another call; a forbidden address is final; a status is judged by the rules, also of an answer that is cut off, except that
 * half an answer is no success. No secret of the call is in the outcome.
 */
export async function callHttp(
  dispatcher: Dispatcher,
  call: PreparedCall,
  rules: CallRules,
  cancelled: AbortSignal,
): Promise<CallOutcome> {
  const timeout = AbortSignal.timeout(durationMs(rules.timeout));
  const describe = (error: unknown) =>
    timeout.aborted
      ? `no complete answer within ${rules.timeout}${error instanceof ProxyError ? `: ${error.message}` : ''}`
      : describeError(error);
  try {
    const signal = AbortSignal.any([timeout, cancelled]);
    const { answer, refusal } = await request(dispatcher, call, rules, signal);
    const { statusCode, headers, fault } = answer;
    const judged = classifyStatus(statusCode, rules);
    const verdict = fault && judged === 'succeeded' ? 'retryable' : judged;
    const askedForMs = retryAfterMs(statusCode, single(headers['retry-after']), Date.now());
    const toTheEnd = fault ? `, but not to the end: ${describe(fault)}` : '';
    const message = refusal ?? `the target answered ${statusCode}${toTheEnd}`;
    return {
      verdict,
      statusCode,
      error: verdict === 'succeeded' ? null : toStorable(message, call.secrets, MAX_ERROR_LENGTH),
      responseExcerpt: await excerptOf(answer, call.secrets),
      ...(askedForMs === undefined ? {} : { retryAfterMs: askedForMs }),
    };
  } catch (error) {
    const isFinal = error instanceof ForbiddenAddressError || error instanceof UncallableError;
    return {
      verdict: isFinal ? 'final' : 'retryable',
      statusCode: null,
      error: toStorable(describe(error), call.secrets, MAX_ERROR_LENGTH),
      responseExcerpt: null,
    };
  }
}

/** Placeholders have made a URL that may not be called. */
class UncallableError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'UncallableError';
  }
}

/** Sends a call, and follows redirects if it shall: the last answer, and why the redirect in it is not followed. */
async function request(
  dispatcher: Dispatcher,
  first: PreparedCall,
  { followRedirects, successStatus, retryStatus }: CallRules,
  signal: AbortSignal,
): Promise<{ answer: Answer; refusal?: string }> {
  const fault = findUrlFault(first.url.href);
  if (fault) throw new UncallableError(fault);
  let call = first;
  for (let redirects = 0; ; redirects++) {
    const { url, method, body } = call;
    const headers = { ...call.headers, ...call.privateHeaders };
    const answer = await dispatcher.request({ url, method, headers, body }, signal);
    const { statusCode } = answer;
    const isJudged = classifyStatus(statusCode, { successStatus, retryStatus }) !== 'final';
    if (!followRedirects || isJudged) return { answer };
    const redirect = followRedirect(call, statusCode, single(answer.headers['location']), {
      mayLosePost: followRedirects === 'asGet',
    });
    if (!redirect) return { answer };
    if ('refusal' in redirect) return { answer, refusal: redirect.refusal };
    if (redirects === MAX_REDIRECTS)
      return { answer, refusal: `the target redirected more than ${MAX_REDIRECTS} times` };
    call = redirect.call;
  }
}

const single = (header: string | string[] | undefined) => (Array.isArray(header) ? header[0] : header);
