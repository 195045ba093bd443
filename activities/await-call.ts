import { ApplicationFailure, Context } from '@temporalio/activity';
import { runIdOf } from '../domain/run/ids.ts';
import { encodeStep, type RunJobTask, type StepOnWire } from '../domain/run/workflow-contract.ts';
import { withHeartbeats } from './attempt/context.ts';
import type { InFlightCalls } from './attempt/in-flight-calls.ts';

/**
 * The activity that attaches to a call in flight in this process, which start-call.ts started, and
 * waits for its end. Aborts the call when the activity is cancelled, or at once with `isCancelled`. The
 * call ends with its process.
 * @throws ApplicationFailure if the call is not in flight here, or if the run failed with it
 */
export function createAwaitCall(calls: InFlightCalls) {
  return async function awaitCall(
    task: RunJobTask,
    { isCancelled }: { isCancelled: boolean },
  ): Promise<StepOnWire> {
    const context = Context.current();
    const runId = runIdOf(task);
    const call = calls.attach(runId);
    if (!call) throw ApplicationFailure.nonRetryable('this worker does not make that call', 'NoSuchCall');
    const { cancellationSignal } = context;
    // A cancelled run is recorded as such. If Temporal has given up this activity, another one makes
    // the call again.
    const cancelled = { cancelRequested: true, notFound: false };
    const abort = () => call.abort(context.cancellationDetails?.cancelRequested ? cancelled : undefined);
    cancellationSignal.addEventListener('abort', abort);
    if (cancellationSignal.aborted) abort();
    if (isCancelled) call.abort(cancelled);
    try {
      return encodeStep(runId, await withHeartbeats(context, () => call.step), 'goesOn');
    } finally {
      cancellationSignal.removeEventListener('abort', abort);
    }
  };
}
