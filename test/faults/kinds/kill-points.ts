import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { Cluster, Member } from '../cluster.ts';
import type { FaultContext, FaultOutcome } from '../fault.ts';

const POINT_TIMEOUT_MS = 15_000;
/** After this time a call does not belong to a workflow task any more. */
const HANDED_OVER_AFTER_MS = 2_500;
/** A held call is released after this time if its worker has not been found. */
const SEARCH_TIMEOUT_MS = 3_000;

/** kill -9 of a worker whose HTTP call was sent and has not reached the target. */
export async function killBeforeCall({ cluster, random }: FaultContext): Promise<FaultOutcome> {
  const { toTarget } = cluster;
  toTarget.hold();
  try {
    const bytes = await toTarget.held(POINT_TIMEOUT_MS);
    const head = bytes?.toString('latin1') ?? '';
    const worker = await findWorker(cluster, {
      job: readHeader(head, 'x-scheduler-job'),
      run: readHeader(head, 'x-scheduler-run'),
      scheduledAt: readHeader(head, 'x-scheduler-scheduled-at'),
    });
    const victim = worker ?? random.pick(cluster.workers);
    const startedAt = Date.now();
    victim.kill();
    // The calls of the others may go on only after its connections are closed.
    await sleep(50);
    return { detail: victim.name, reached: worker !== undefined, startedAt, endedAt: startedAt };
  } finally {
    toTarget.restore();
  }
}

/**
 * kill -9 of a worker whose call was answered, before its record reaches Postgres. Half of the time nothing reaches Temporal
 * either, so that the answer is lost. Some of the calls have outlasted their local activity by then.
 */
export async function killAnswered({ cluster, random }: FaultContext): Promise<FaultOutcome> {
  const tellsNobody = random.chance(0.5);
  const pending = await cluster.target.holdNext(POINT_TIMEOUT_MS);
  const worker =
    pending &&
    (await findWorker(cluster, {
      ...pending.call,
      scheduledAt: new Date(pending.call.scheduledAt).toISOString(),
    }));
  if (!pending || !worker) {
    pending?.answer();
    const victim = random.pick(cluster.workers);
    const startedAt = Date.now();
    victim.kill();
    return { detail: victim.name, reached: false, startedAt, endedAt: startedAt };
  }
  const isLong = random.chance(0.3);
  if (isLong) await sleep(HANDED_OVER_AFTER_MS);
  worker.toPostgres.hold();
  if (tellsNobody) worker.toTemporal.hold();
  const startedAt = Date.now();
  pending.answer();
  // The data that it sends to Postgres now is the record, or a transaction of the reconciler: leave the record some time.
  const held = await worker.toPostgres.held(SEARCH_TIMEOUT_MS);
  await sleep(100);
  worker.kill();
  const endedAt = Date.now();
  await sleep(50);
  worker.toPostgres.restore();
  worker.toTemporal.restore();
  const knows = tellsNobody ? 'nobody knows' : 'Temporal may know';
  return {
    detail: `${worker.name}, ${isLong ? 'long call, ' : ''}${knows}`,
    reached: held !== undefined,
    startedAt,
    endedAt,
  };
}

const readHeader = (head: string, name: string) => new RegExp(`^${name}: *(.*?)\\r?$`, 'im').exec(head)?.[1];

/** Asks Temporal which worker makes the call of a run. Its identity starts with the process id. */
async function findWorker(
  { temporalClient, workers }: Cluster,
  call: { job: string | undefined; run: string | undefined; scheduledAt: string | undefined },
): Promise<Member | undefined> {
  if (call.scheduledAt === undefined) return undefined;
  const nominal = call.scheduledAt.replace('.000Z', 'Z');
  const ids = [`scheduler-job-${call.job}-${nominal}`, `scheduler-run-${call.run}`];
  for (const deadline = Date.now() + SEARCH_TIMEOUT_MS; Date.now() < deadline;) {
    for (const id of ids) {
      const identities = await temporalClient
        .withDeadline(Date.now() + 1_000, () => readIdentities(temporalClient.workflow.getHandle(id)))
        .catch(() => []);
      const worker = workers.find(({ pid }) =>
        identities.some((identity) => identity.startsWith(`${pid()}@`)),
      );
      if (worker) return worker;
    }
    await sleep(20);
  }
  return undefined;
}

/** The worker that runs an activity of a workflow, or a workflow task with a local activity. */
async function readIdentities(handle: WorkflowHandle): Promise<string[]> {
  const { pendingActivities, pendingWorkflowTask } = (await handle.describe()).raw;
  const identities = (pendingActivities ?? []).map(({ lastWorkerIdentity }) => lastWorkerIdentity ?? '');
  if (!pendingWorkflowTask) return identities;
  const { events } = await handle.fetchHistory();
  const started = events?.findLast(({ workflowTaskStartedEventAttributes: task }) => task);
  return [...identities, started?.workflowTaskStartedEventAttributes?.identity ?? ''];
}
