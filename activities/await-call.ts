import { ApplicationFailure, Context } from '@temporalio/activity';
import { runIdOf, type RunJobResult, type RunJobTask } from '../domain/run/workflow-contract.ts';
import { toResult, type RunGoesOn } from './attempt/call-result.ts';
import type { InFlightCalls } from './attempt/in-flight-calls.ts';
import { withHeartbeats } from './attempt/with-heartbeats.ts';

/**
 * The activity that waits for a call of this process which a local activity began (start-call.ts). Cancelled, or for a run
 * that is cancelled already, it breaks the call off. If this process stops or dies, the call ends with it.
 * @throws ApplicationFailure if this process makes no such call, and if the run failed with it
 */
export function createAwaitCall(calls: InFlightCalls) {
  return async function awaitCall(
    task: RunJobTask,
    { isCancelled }: { isCancelled: boolean },
  ): Promise<RunJobResult | RunGoesOn> {
    const context = Context.current();
    const runId = runIdOf(task);
    const call = calls.fetch(runId);
    if (!call) throw ApplicationFailure.nonRetryable('this worker does not make that call', 'NoSuchCall');
    const { cancellationSignal } = context;
    // That a run is cancelled is recorded. If Temporal has given this activity up, another one goes on.
    const cancelled = { cancelRequested: true, notFound: false };
    const breakOff = () =>
      call.breakOff(context.cancellationDetails?.cancelRequested ? cancelled : undefined);
    cancellationSignal.addEventListener('abort', breakOff);
    if (cancellationSignal.aborted) breakOff();
    if (isCancelled) call.breakOff(cancelled);
    try {
      return toResult(runId, await withHeartbeats(context, () => call.result));
    } finally {
      cancellationSignal.removeEventListener('abort', breakOff);
    }
  };
}
