import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TargetCall } from './log.ts';

/** A call whose answer waits. */
interface PendingCall {
  call: TargetCall;
  answer: () => void;
}

/** Every n-th call is long. */
const LONG_CALL_EACH = 25;
/** Long enough to outlast a local activity (activities/attempt/in-flight-calls.ts). */
const LONG_CALL_MS = 3_000;

/** The target of all jobs of the bench. It records each call and answers 200. */
export interface RecordingTarget {
  port: number;
  calls: TargetCall[];
  /** Resolves with the next call, which the caller has to answer; with undefined after `timeoutMs`. */
  holdNext: (timeoutMs: number) => Promise<PendingCall | undefined>;
  stop: () => Promise<void>;
}

/** Starts the target on a free port. It closes each connection after its answer, so that no dead one is reused later. */
export async function startRecordingTarget(): Promise<RecordingTarget> {
  const calls: TargetCall[] = [];
  let waiting: ((pending: PendingCall) => void) | undefined;
  const server = createServer((request, response) => {
    const header = (name: string) => String(request.headers[name] ?? '');
    request.resume().once('end', () => {
      const call: TargetCall = {
        at: Date.now(),
        job: header('x-scheduler-job'),
        run: header('x-scheduler-run'),
        key: header('idempotency-key'),
        scheduledAt: Date.parse(header('x-scheduler-scheduled-at')),
        attempt: Number(header('x-scheduler-attempt')),
      };
      calls.push(call);
      const answer = () => answerOk(response);
      const taker = waiting;
      waiting = undefined;
      if (taker) taker({ call, answer });
      else if (calls.length % LONG_CALL_EACH === 0) setTimeout(answer, LONG_CALL_MS);
      else answer();
    });
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

function answerOk(response: ServerResponse): void {
  response.setHeader('connection', 'close');
  response.end('ok');
}
