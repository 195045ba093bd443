import { durationMs } from '../domain/duration.ts';
import { judgeStatus, type Verdict } from '../domain/http-status.ts';
import { retryAfterMs } from '../domain/retry-after.ts';
import type { Retry } from '../domain/retry.ts';
import type { HttpTargetAnswer } from '../domain/http-target.ts';
import { findUrlFault } from '../domain/target-url.ts';
import { UncallableError, followRedirect, MAX_REDIRECTS } from './follow-redirect.ts';
import { describeError } from './call/describe-error.ts';
import type { Answer } from './call/exchange.ts';
import { ForbiddenAddressError } from './call/resolve-allowed.ts';
import type { Dispatcher } from './guarded-dispatcher.ts';
import type { PreparedCall } from './prepare-call.ts';
import { excerptOf } from './response-excerpt.ts';
import { MAX_ERROR_LENGTH, toStorable } from './to-storable.ts';

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
export type CallRules = Pick<HttpTargetAnswer, 'timeout' | 'successStatus' | 'followRedirects'> &
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
    timeout.aborted ? `no complete answer within ${rules.timeout}` : describeError(error);
  try {
    const signal = AbortSignal.any([timeout, cancelled]);
    const answer = await request(dispatcher, call, rules, signal);
    const { statusCode, headers, fault } = answer;
    const judged = judgeStatus(statusCode, rules);
    const verdict = fault && judged === 'succeeded' ? 'retryable' : judged;
    const askedForMs = retryAfterMs(statusCode, single(headers['retry-after']), Date.now());
    const message = `the target answered ${statusCode}${fault ? `, but not to the end: ${describe(fault)}` : ''}`;
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

/** Sends a call, and follows redirects if it shall. */
async function request(
  dispatcher: Dispatcher,
  first: PreparedCall,
  { followRedirects, successStatus, retryStatus }: CallRules,
  signal: AbortSignal,
): Promise<Answer> {
  let call = first;
  for (let redirects = 0; ; redirects++) {
    // Placeholders and redirects make a URL that nobody has looked at yet.
    const fault = findUrlFault(call.url.href);
    if (fault)
      throw new UncallableError(
        redirects > 0 ? `the target redirects to where no call may go: ${fault}` : fault,
      );
    const { url, method, body } = call;
    const headers = { ...call.headers, ...call.privateHeaders };
    const answer = await dispatcher.request({ url, method, headers, body }, signal);
    const isJudged = judgeStatus(answer.statusCode, { successStatus, retryStatus }) !== 'final';
    if (!followRedirects || isJudged) return answer;
    const next = followRedirect(call, answer.statusCode, single(answer.headers['location']));
    if (!next) return answer;
    if (redirects === MAX_REDIRECTS)
      throw new UncallableError(`the target redirected more than ${MAX_REDIRECTS} times`);
    call = next;
  }
}

const single = (header: string | string[] | undefined) => (Array.isArray(header) ? header[0] : header);
