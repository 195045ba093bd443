import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.ts';
import type { ApiCall } from './log.ts';

/** An API process, as its clients see it. */
export interface ApiPlace {
  url: string;
  /** The result of its readiness probe. */
  isStopped: () => boolean;
}

/** A request to the API. */
export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  body?: unknown;
  idempotencyKey?: string;
  ifMatch?: string;
}

/** The last answer, and all calls of the request. */
export interface ApiResult {
  calls: ApiCall[];
  /** Undefined if the client gave up. */
  answer: { status: number; body: unknown } | undefined;
}

/** Longer than any process is stopped: if the client gave up earlier, its request could take effect later. */
const CALL_TIMEOUT_MS = 60_000;
const PATIENCE_MS = 180_000;
const MAX_PAUSE_MS = 3_000;

/**
 * Calls the API like a patient client: retries after a broken connection, a 503 or another temporary error, mostly at
 * another API. `first` is the API of the first call.
 */
export async function callApi(
  apis: readonly ApiPlace[],
  random: Random,
  request: ApiRequest,
  first?: number,
): Promise<ApiResult> {
  const calls: ApiCall[] = [];
  const begun = Date.now();
  let next = first ?? chooseApi(apis, random);
  for (let pauseMs = 200; Date.now() - begun < PATIENCE_MS; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    const { call, answer, retryAfterMs } = await callOnce(apis[next] as ApiPlace, next, request);
    calls.push(call);
    if (answer && !saysLater(answer.status, call.code)) return { calls, answer };
    await sleep(retryAfterMs ?? pauseMs);
    next = chooseApi(apis, random);
  }
  return { calls, answer: undefined };
}

const saysLater = (status: number, code: string | null) =>
  status >= 500 || status === 429 || code === 'idempotency_in_flight';

/** Any of them. Like a load balancer, it avoids a stopped API for most requests, but not for the first ones. */
function chooseApi(apis: readonly ApiPlace[], random: Random): number {
  const chosen = random.integer(0, apis.length - 1);
  if (!apis[chosen]?.isStopped() || random.chance(0.25)) return chosen;
  return (chosen + 1) % apis.length;
}

async function callOnce(api: ApiPlace, number: number, request: ApiRequest) {
  const { method, path, body, idempotencyKey, ifMatch } = request;
  const call: ApiCall = {
    api: number + 1,
    method,
    path,
    calledAt: Date.now(),
    endedAt: 0,
    status: null,
    code: null,
  };
  try {
    const response = await fetch(api.url + path, {
      method,
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as unknown };
    call.endedAt = Date.now();
    call.status = response.status;
    if (response.status >= 400) call.code = String((answer.body as { code?: string } | undefined)?.code);
    const retryAfter = response.headers.get('retry-after');
    return { call, answer, retryAfterMs: retryAfter === null ? undefined : Number(retryAfter) * 1_000 };
  } catch (error) {
    call.endedAt = Date.now();
    const { cause } = error as { cause?: { code?: string } };
    call.code = cause?.code ?? (error instanceof Error ? error.message : String(error));
    return { call, answer: undefined, retryAfterMs: undefined };
  }
}
