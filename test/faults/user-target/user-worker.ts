import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { NativeConnection, Worker } from '@temporalio/worker';
import { USER_TASK_QUEUE, type UserCall } from './user-call.ts';

// A worker of a user. Its activity calls the target of the bench as an HTTP target is called, so that both are counted alike.

const HEARTBEAT_MS = 1_000;

/** Calls the target. @throws Error if it is not answered with success, so that Temporal or the job tries again */
async function callTarget({ url, job, run, scheduledAt, attempt, token }: UserCall): Promise<number> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  try {
    const { status } = await fetch(url, {
      method: 'POST',
      signal: context.cancellationSignal,
      headers: {
        'idempotency-key': run,
        'x-scheduler-job': job,
        'x-scheduler-run': run,
        'x-scheduler-scheduled-at': scheduledAt,
        'x-scheduler-attempt': attempt,
        'x-scheduler-fencing-token': token,
      },
    });
    if (status !== 200) throw new Error(`the target answered ${status}`);
    return status;
  } finally {
    clearInterval(beat);
  }
}

const worker = await Worker.create({
  connection: await NativeConnection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? '' }),
  namespace: 'default',
  taskQueue: USER_TASK_QUEUE,
  workflowsPath: fileURLToPath(new URL('./user-workflows.ts', import.meta.url)),
  activities: { callTarget },
  shutdownForceTime: '1 second',
});
// The bench may be killed before it can stop this process.
process.once('disconnect', () => process.exit(1));
await worker.run().catch(() => undefined);
process.exit(0);
