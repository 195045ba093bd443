import { ApplicationFailure, type Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { CALL_LEASE_MS } from '../../domain/run/workflow-contract.ts';
import { isNotFound } from '../../scheduling/temporal/temporal-errors.ts';
import { withHeartbeats } from './context.ts';
import type { CallControl } from './make.ts';

// A call in an activity goes on only as long as Temporal accepts heartbeats: otherwise Temporal gives the
// activity to another worker after the heartbeat timeout, and two calls would be in flight. The heartbeats of
// Temporal's SDK do not tell whether they were accepted, so the client sends some of its own.

/** Between two heartbeats whose answers are waited for. */
const CONFIRM_EVERY_MS = 3 * SECOND_MS;
/** How long an answer is waited for: less than the time until the next heartbeat. */
const CONFIRM_WITHIN_MS = 2_500;
/** How often the age of the last accepted heartbeat is looked at. */
const WATCH_MS = 500;

/** The client that sends heartbeats. */
export type HeartbeatClient = Pick<
  Client,
  'withDeadline' | 'withAbortSignal' | 'workflowService' | 'options'
>;

/**
 * Does work that makes a call, with heartbeats, as long as Temporal accepts them. The control that it gives aborts the
 * call when Temporal has accepted none for CALL_LEASE_MS, when Temporal has closed the activity, and when the
 * activity is cancelled. A process that was frozen notices when it wakes: time is counted by a clock that
 * cannot be set.
 * @throws ApplicationFailure `Interrupted` before it begins, if Temporal may have given the activity to another worker
 */
export async function whileHeard<Result>(
  temporal: HeartbeatClient,
  context: Context,
  work: (control: CallControl) => Promise<Result>,
): Promise<Result> {
  const lost = new AbortController();
  let sending: AbortController | undefined;
  let askedAt = performance.now();
  // Temporal counts from when it gave the activity to this worker, and it has not done so before this time.
  let heardAt = askedAt - Math.max(0, Date.now() - context.info.currentAttemptScheduledTimestampMs);
  let details: CallControl['cancellationDetails'];
  const isSilent = () => performance.now() - heardAt >= CALL_LEASE_MS;
  const lose = (because: CallControl['cancellationDetails']) => {
    if (lost.signal.aborted || context.cancellationSignal.aborted) return;
    details = because;
    lost.abort();
  };

  async function confirm(): Promise<void> {
    const began = (askedAt = performance.now());
    sending = new AbortController();
    try {
      await sendHeartbeat(temporal, context, sending.signal);
      heardAt = began;
    } catch (error) {
      // Another worker has the activity, or its workflow is closed. Any other error says nothing: the next one may pass.
      if (isNotFound(error)) lose({ cancelRequested: false, notFound: true });
    }
  }

  if (askedAt - heardAt > CONFIRM_EVERY_MS) {
    await confirm();
    if (isSilent() || lost.signal.aborted)
      throw ApplicationFailure.retryable(
        'Temporal may have given the activity to another worker',
        'Interrupted',
      );
  }
  const watch = setInterval(() => {
    if (isSilent()) lose(undefined);
    else if (performance.now() - askedAt >= CONFIRM_EVERY_MS) void confirm();
  }, WATCH_MS);
  try {
    return await withHeartbeats(context, () =>
      work({
        cancellationSignal: AbortSignal.any([lost.signal, context.cancellationSignal]),
        get cancellationDetails() {
          if (lost.signal.aborted) return details;
          const { cancellationDetails: given } = context;
          // After such a silence, the activity is closed because another worker has it.
          return given?.notFound && isSilent() ? undefined : given;
        },
      }),
    );
  } finally {
    clearInterval(watch);
    // What follows may leave a result in a heartbeat, which an empty one that comes later would remove.
    sending?.abort();
  }
}

/** @throws any error of Temporal's client if the heartbeat was not accepted */
async function sendHeartbeat(
  temporal: HeartbeatClient,
  { info }: Context,
  signal: AbortSignal,
): Promise<void> {
  const { namespace } = temporal.options;
  const request = { namespace, taskToken: info.taskToken };
  await temporal.withDeadline(Date.now() + CONFIRM_WITHIN_MS, () =>
    temporal.withAbortSignal(signal, () => temporal.workflowService.recordActivityTaskHeartbeat(request)),
  );
}
