import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRandom } from '../support/random.ts';
import { scriptOf, verdictOf } from './answers.ts';
import type { Script, TargetCall } from './log.ts';

/** A call whose answer waits. */
interface PendingCall {
  call: TargetCall;
  answer: () => void;
}

/** Every n-th prompt call is long. */
const LONG_CALL_EACH = 25;
/** Long enough to outlast a local activity (activities/attempt/in-flight-calls.ts). */
const LONG_CALL_MS = 3_000;
/** The share of the attempts that a busy target does not serve. */
const BUSY_SHARE = 0.3;

/** The target of all jobs of the bench. It records each call and answers by the script in its path. */
export interface RecordingTarget {
  port: number;
  calls: TargetCall[];
  /** Resolves with the next prompt call, which the caller has to answer; with undefined after `timeoutMs`. */
  holdNext: (timeoutMs: number) => Promise<PendingCall | undefined>;
  stop: () => Promise<void>;
}

/** Starts the target on a free port. It closes each connection after its answer, so that no dead one is reused later. */
export async function startRecordingTarget(): Promise<RecordingTarget> {
  const calls: TargetCall[] = [];
  const random = createRandom(1);
  let prompt = 0;
  let waiting: ((pending: PendingCall) => void) | undefined;

  const receive = (request: IncomingMessage, response: ServerResponse, body: string) => {
    const call = toCall(request, body);
    calls.push(call);
    const end = () => void (call.endedAt ??= Date.now());
    response.once('close', end);
    const answer = (status = 200, retryAfter?: number) => {
      if (call.endedAt !== null) return;
      call.status = status;
      if (retryAfter !== undefined) {
        call.retryAfter = retryAfter;
        response.setHeader('retry-after', String(retryAfter));
      }
      end();
      response.statusCode = status;
      response.setHeader('connection', 'close');
      response.end('ok');
    };
    const script = scriptOf(request.url ?? '');
    const verdict = script === 'hook' ? 'succeeds' : verdictOf(script, call.scheduledAt);
    if (verdict === 'hangs') return;
    if (verdict === 'fails') return answer(500);
    const taker = script === 'prompt' ? waiting : undefined;
    if (taker) {
      waiting = undefined;
      return taker({ call, answer });
    }
    if (script === 'busy' && random.chance(BUSY_SHARE))
      return answer(random.pick([429, 503]), random.integer(1, 2));
    setTimeout(() => answer(), delayOf(script));
  };
  const delayOf = (script: Script | 'hook') => {
    if (script === 'slow') return random.integer(500, 4_000);
    return script === 'prompt' && ++prompt % LONG_CALL_EACH === 0 ? LONG_CALL_MS : 0;
  };

  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request
      .on('data', (part: Buffer) => void parts.push(part))
      .once('end', () => receive(request, response, Buffer.concat(parts).toString()));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    calls,
    holdNext: (timeoutMs) =>
      new Promise((resolve) => {
        const finish = (pending: PendingCall | undefined) => {
          clearTimeout(timer);
          waiting = undefined;
          resolve(pending);
        };
        const timer = setTimeout(() => finish(undefined), timeoutMs);
        waiting = finish;
      }),
    stop: () => new Promise((stopped) => void server.close(() => stopped()).closeAllConnections()),
  };
}

function toCall({ headers, url }: IncomingMessage, body: string): TargetCall {
  const header = (name: string) => String(headers[name] ?? '');
  const call: TargetCall = {
    at: Date.now(),
    endedAt: null,
    status: null,
    job: header('x-scheduler-job'),
    run: header('x-scheduler-run'),
    key: header('idempotency-key'),
    scheduledAt: Date.parse(header('x-scheduler-scheduled-at')),
    attempt: Number(header('x-scheduler-attempt')),
  };
  const token = headers['x-scheduler-fencing-token'];
  if (token !== undefined) call.token = Number(token);
  if (scriptOf(url ?? '') === 'hook') {
    const { event, run } = JSON.parse(body) as { event: string; run: { id: string } };
    call.hook = { event, cause: run.id };
  }
  return call;
}
