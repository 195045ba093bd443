import type { Dispatcher } from 'undici';
import { durationMs } from '../domain/duration.ts';
import type { HttpTarget } from '../domain/target.ts';
import { ForbiddenAddressError } from './guarded-dispatcher.ts';

/** How a call ended. `retryable` tells whether another call could end better. */
export interface CallOutcome {
  succeeded: boolean;
  retryable: boolean;
  statusCode: number | null;
  error: string | null;
  responseExcerpt: string | null;
}

const EXCERPT_BYTES = 1_024;
/** An answer is read so far, for the connection to be used again; a longer one is cut off. */
const MAX_ANSWER_BYTES = 64 * 1_024;
/** Statuses below 500 that speak of the moment rather than of the request (RFC 9110, RFC 8470, RFC 6585). */
const RETRYABLE_STATUSES = [408, 425, 429];

/**
 * Makes one HTTP call. Never throws: whatever goes wrong is an outcome. A 2xx answer is success; 5xx, 408, 425, 429,
 * a broken connection and a timeout are worth another call; everything else is final.
 */
export async function callHttp(
  dispatcher: Dispatcher,
  target: HttpTarget,
  extraHeaders: Record<string, string>,
  cancelled: AbortSignal,
): Promise<CallOutcome> {
  const timeout = AbortSignal.timeout(durationMs(target.timeout));
  try {
    const url = new URL(target.url);
    const { statusCode, headers, body } = await dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: target.method,
      ...prepareContent(target, extraHeaders),
      signal: AbortSignal.any([timeout, cancelled]),
      // Both bounds stand in the signal already.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const answer = await readAnswer(body);
    const succeeded = statusCode >= 200 && statusCode < 300;
    return {
      succeeded,
      retryable: !succeeded && (statusCode >= 500 || RETRYABLE_STATUSES.includes(statusCode)),
      statusCode,
      error: succeeded ? null : `the target answered ${statusCode}`,
      responseExcerpt: toExcerpt(answer, headers['content-type']),
    };
  } catch (error) {
    const message = timeout.aborted ? `no complete answer within ${target.timeout}` : describe(error);
    return {
      succeeded: false,
      retryable: !(error instanceof ForbiddenAddressError),
      statusCode: null,
      error: message,
      responseExcerpt: null,
    };
  }
}

function prepareContent(target: HttpTarget, extraHeaders: Record<string, string>) {
  const headers: Record<string, string> = { 'user-agent': 'durable-job-scheduler', ...extraHeaders };
  const isText = typeof target.body === 'string';
  if (target.body !== undefined)
    headers['content-type'] = isText ? 'text/plain; charset=utf-8' : 'application/json';
  // The author's headers win over ours, in whatever case they are written.
  for (const [name, value] of Object.entries(target.headers)) headers[name.toLowerCase()] = value;
  const body =
    target.body === undefined ? null : isText ? (target.body as string) : JSON.stringify(target.body);
  return { headers, body };
}

async function readAnswer(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the stream, and with it the connection.
    if (size > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, EXCERPT_BYTES);
}

/** Text as it can be stored: PostgreSQL takes no NUL. Null for what is no text. */
function toExcerpt(answer: Buffer, contentType: string | string[] | undefined): string | null {
  const type = String(contentType ?? 'text/plain');
  if (!/^text\/|json|xml|x-www-form-urlencoded/i.test(type)) return null;
  return new TextDecoder('utf-8').decode(answer).replaceAll('\0', '\uFFFD');
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  const message =
    error instanceof AggregateError ? error.errors.map((inner) => describe(inner)).join('; ') : error.message;
  return message.includes(code) ? message : `${code}: ${message}`;
}
