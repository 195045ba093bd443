import { setTimeout as sleep } from 'node:timers/promises';
import { deleteJob, type OperationContext } from './job-operations.ts';
import type { OperationRecord } from './log.ts';

const BUSY_TIMEOUT_MS = 60_000;

/**
 * What clients do when they hear that their operations since an instant may be lost: they do not know any more what these have
 * done, and delete the jobs, so that what is to be expected is certain again.
 */
export async function forgetSince(context: OperationContext, since: number, until: number): Promise<void> {
  const { operations, jobs } = context;
  const isLost = ({ kind, calls }: OperationRecord) =>
    kind !== 'label' && calls.some(({ endedAt, calledAt }) => endedAt >= since && calledAt <= until);
  const lost = operations.filter(isLost);
  const changed = new Set(lost.filter(({ kind }) => kind !== 'run').map(({ jobName }) => jobName));
  for (const operation of lost) operation.outcome = 'unknown';
  await Promise.all(
    jobs
      .filter(({ name }) => changed.has(name))
      .map(async (job) => {
        for (const deadline = Date.now() + BUSY_TIMEOUT_MS; job.busy && Date.now() < deadline;)
          await sleep(50);
        await deleteJob(context, job);
        const deletion = operations.findLast(({ kind, jobId }) => kind === 'delete' && jobId === job.id);
        // It never existed, or was deleted before.
        if (deletion?.outcome === 'refused') deletion.outcome = 'done';
      }),
  );
}
