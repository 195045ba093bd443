import { ApplicationFailure, Context } from '@temporalio/activity';
import { runIdOf } from '../domain/run/ids.ts';
import { encodeStep, type RunJobTask, type StepOnWire } from '../domain/run/workflow-contract.ts';
import type { InFlightCalls } from './attempt/in-flight-calls.ts';
import { whileHeard, type HeartbeatClient } from './attempt/liveness.ts';

/**
 * The activity that attaches to a call in flight in this process, which start-call.ts started, and
 * waits for its end. Aborts the call when the activity is cancelled, or at once with `isCancelled`, and when Temporal
 * does not hear this process any more. The call ends with its process.
 * @throws ApplicationFailure if the call is not in flight here, or if the run failed with it
 */
export function createAwaitCall(calls: InFlightCalls, temporal: HeartbeatClient) {
  return async function awaitCall(
    task: RunJobTask,
    { isCancelled }: { isCancelled: boolean },
  ): Promise<StepOnWire> {
    const runId = runIdOf(task);
    const call = calls.attach(runId);
    if (!call) throw ApplicationFailure.nonRetryable('this worker does not make that call', 'NoSuchCall');
    // A cancelled run is recorded as such. If Temporal has given up this activity, another one makes
    // the call again.
    const cancelled = { cancelRequested: true, notFound: false };
    try {
      const step = await whileHeard(temporal, Context.current(), (control) => {
        const { cancellationSignal: signal } = control;
        const abort = () => call.abort(control.cancellationDetails?.cancelRequested ? cancelled : undefined);
        signal.addEventListener('abort', abort, { once: true });
        if (signal.aborted) abort();
        if (isCancelled) call.abort(cancelled);
        return call.step;
      });
      return encodeStep(runId, step, 'goesOn');
    } finally {
      // Nobody waits for it any more. A call that has ended stays as it is.
      call.abort(undefined);
    }
  };
}
