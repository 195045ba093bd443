import type { Dispatcher } from 'undici';
import { durationMs } from '../domain/duration.ts';
import { judgeStatus, type Verdict } from '../domain/http-status.ts';
import { retryAfterMs } from '../domain/retry-after.ts';
import type { Retry } from '../domain/retry.ts';
import type { HttpTargetAnswer } from '../domain/http-target.ts';
import { findUrlFault } from '../domain/target-url.ts';
import { blotOut } from './blot-out.ts';
import { UncallableError, followRedirect, MAX_REDIRECTS } from './follow-redirect.ts';
import { ForbiddenAddressError } from './guarded-dispatcher.ts';
import type { PreparedCall } from './prepare-call.ts';

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

/** Characters of an answer that are kept. */
const EXCERPT_LENGTH = 1_024;
/** An answer is read so far, for the connection to be used again; a longer one is cut off. */
const MAX_ANSWER_BYTES = 64 * 1_024;
/** And of an error. */
export const MAX_ERROR_LENGTH = 500;

/**
 * Makes one HTTP call. Never throws: whatever goes wrong is an outcome. A broken connection and a timeout are worth
 * another call; a forbidden address is final; a status is judged by the rules. No secret of the call is in the outcome.
 */
export async function callHttp(
  dispatcher: Dispatcher,
  call: PreparedCall,
  rules: CallRules,
  cancelled: AbortSignal,
): Promise<CallOutcome> {
  const timeout = AbortSignal.timeout(durationMs(rules.timeout));
  try {
    const signal = AbortSignal.any([timeout, cancelled]);
    const { statusCode, headers, body } = await request(dispatcher, call, rules, signal);
    const answer = await readAnswer(body);
    const verdict = judgeStatus(statusCode, rules);
    const askedForMs = retryAfterMs(statusCode, single(headers['retry-after']), Date.now());
    return {
      verdict,
      statusCode,
      error: verdict === 'succeeded' ? null : `the target answered ${statusCode}`,
      responseExcerpt: toExcerpt(answer, headers, call.secrets),
      ...(askedForMs === undefined ? {} : { retryAfterMs: askedForMs }),
    };
  } catch (error) {
    const isFinal = error instanceof ForbiddenAddressError || error instanceof UncallableError;
    const message = timeout.aborted ? `no complete answer within ${rules.timeout}` : describe(error);
    return {
      verdict: isFinal ? 'final' : 'retryable',
      statusCode: null,
      error: toStorable(message, call.secrets, MAX_ERROR_LENGTH),
      responseExcerpt: null,
    };
  }
}

/** Sends a call, and follows redirects if it shall. The body of the answer is the caller's to read. */
async function request(
  dispatcher: Dispatcher,
  first: PreparedCall,
  { followRedirects, successStatus, retryStatus }: CallRules,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  let call = first;
  for (let redirects = 0; ; redirects++) {
    // Placeholders and redirects make a URL that nobody has looked at yet.
    const fault = findUrlFault(call.url.href);
    if (fault)
      throw new UncallableError(
        redirects > 0 ? `the target redirects to where no call may go: ${fault}` : fault,
      );
    const response = await dispatcher.request({
      origin: call.url.origin,
      path: call.url.pathname + call.url.search,
      method: call.method,
      headers: { ...call.headers, ...call.privateHeaders },
      body: call.body,
      signal,
      // Both bounds stand in the signal already.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const { statusCode, headers, body } = response;
    const isJudged = judgeStatus(statusCode, { successStatus, retryStatus }) !== 'final';
    if (!followRedirects || isJudged) return response;
    const next = followRedirect(call, statusCode, single(headers['location']));
    if (!next) return response;
    // Read to its end, or cut off, as any answer: an endless one must not hold the connection.
    await readAnswer(body);
    if (redirects === MAX_REDIRECTS)
      throw new UncallableError(`the target redirected more than ${MAX_REDIRECTS} times`);
    call = next;
  }
}

const single = (header: string | string[] | undefined) => (Array.isArray(header) ? header[0] : header);

async function readAnswer(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the stream, and with it the connection.
    if (size > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES);
}

/** Null for what is no text in an encoding that is understood here, or is compressed. */
function toExcerpt(
  answer: Buffer,
  headers: Dispatcher.ResponseData['headers'],
  secrets: string[],
): string | null {
  const type = single(headers['content-type']) ?? 'text/plain';
  const compression = single(headers['content-encoding']) ?? 'identity';
  const encoding = ENCODINGS[/charset="?([\w-]+)/i.exec(type)?.[1]?.toLowerCase() ?? 'utf-8'];
  const isText =
    /^text\/|json|xml|x-www-form-urlencoded/i.test(type) && compression.toLowerCase() === 'identity';
  if (!isText || encoding === undefined) return null;
  return toStorable(new TextDecoder(encoding).decode(answer), secrets);
}

/** Texts in other encodings could show a secret in a form that is not looked for. */
const ENCODINGS: Record<string, string> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'us-ascii': 'utf-8',
  ascii: 'utf-8',
  'iso-8859-1': 'latin1',
  'windows-1252': 'latin1',
};

/** A text of this length at most, without secrets, and as PostgreSQL takes it: without NUL and halves of surrogate pairs. */
export const toStorable = (text: string, secrets: string[] = [], maxLength = EXCERPT_LENGTH) =>
  blotOut(text, secrets).slice(0, maxLength).replaceAll('\0', '\uFFFD').toWellFormed();

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const message =
    error instanceof AggregateError ? error.errors.map((inner) => describe(inner)).join('; ') : error.message;
  return message.includes(code) ? message : `${code}: ${message}`;
}
