import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowService } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { hasNoEnd } from '../clients.ts';
import type { Cluster } from '../cluster.ts';
import type { Fault, FaultKinds } from '../fault.ts';
import type { BenchJob } from '../job-operations.ts';

/** A schedule as the API of Temporal has it. */
type RawSchedule = NonNullable<Awaited<ReturnType<WorkflowService['describeSchedule']>>['schedule']>;

/** Overlap policies, as the API of Temporal numbers them. */
const SKIP = 1;
const ALLOW_ALL = 6;

/** What an operator can do to a schedule by hand, while its note stays. */
const TAMPERINGS: Record<string, (schedule: RawSchedule) => void> = {
  'fires every 2 s': (schedule) => (schedule.spec = { interval: [{ interval: msToTs('2s') }] }),
  'is paused': (schedule) => (schedule.state = { ...schedule.state, paused: true }),
  'has no actions left': (schedule) => {
    schedule.state = { ...schedule.state, limitedActions: true };
  },
  'has another overlap policy': ({ policies }) => {
    if (policies) policies.overlapPolicy = Number(policies.overlapPolicy) === SKIP ? ALLOW_ALL : SKIP;
  },
  'has a short catchup window': ({ policies }) => {
    if (policies) policies.catchupWindow = msToTs('10s');
  },
  'has a task queue without workers': ({ action }) => {
    if (action?.startWorkflow) action.startWorkflow.taskQueue = { name: 'nobody' };
  },
  'has arguments of another job': ({ action }) => {
    const [payload] = action?.startWorkflow?.input?.payloads ?? [];
    if (!payload?.data) return;
    const input = JSON.parse(Buffer.from(payload.data).toString()) as Record<string, unknown>;
    payload.data = Buffer.from(JSON.stringify({ ...input, jobId: randomUUID() }));
  },
};

const NO_SCHEDULE = 'is gone';
/** A job is left alone until its schedule is healed, at most for this time. */
const MAX_BUSY_MS = 90_000;
const POLL_MS = 500;

/** Somebody changes the Temporal Schedule of a job by hand. */
const tamper: Fault = async ({ cluster, random, caller }) => {
  const free = caller.jobs.filter((job) => !job.busy && !job.gone && !job.paused && hasNoEnd(job));
  if (free.length === 0) return { detail: 'no job is free', reached: false };
  const job = random.pick(free);
  job.busy = true;
  const { workflowService } = cluster.temporalClient;
  const names = { namespace: 'default', scheduleId: scheduleIdOf(job) };
  const before = await describe(cluster, job).catch(() => undefined);
  if (!before) {
    job.busy = false;
    return { detail: `${job.name} has no schedule yet`, reached: false };
  }
  const name = random.pick([...Object.keys(TAMPERINGS), NO_SCHEDULE]);
  const intended = meaningOf(before);
  const startedAt = Date.now();
  if (name === NO_SCHEDULE) await workflowService.deleteSchedule(names);
  else {
    TAMPERINGS[name]?.(before);
    await workflowService.updateSchedule({ ...names, schedule: before, requestId: randomUUID() });
  }
  const healing = { isSeen: false };
  const isHealed = () =>
    describe(cluster, job).then(
      (now) => now !== undefined && meaningOf(now) === intended,
      () => false,
    );
  void releaseOnceHealed(job, isHealed, healing);
  return {
    detail: `the schedule of ${job.name} ${name}`,
    // Who releases the job says so: as soon as it is released, clients change it again.
    ...{ startedAt, endedAt: startedAt, isMended: async () => healing.isSeen },
    effect: { tampered: [job.id] },
  };
};

const scheduleIdOf = ({ id }: BenchJob) => `scheduler-job-${id}`;

async function describe({ temporalClient }: Cluster, job: BenchJob): Promise<RawSchedule | undefined> {
  const { schedule } = await temporalClient.workflowService.describeSchedule({
    namespace: 'default',
    scheduleId: scheduleIdOf(job),
  });
  return schedule ?? undefined;
}

/** What a schedule does, without its notes, as text. */
function meaningOf({ spec, policies, state, action }: RawSchedule): string {
  const { taskQueue, input, workflowType, workflowExecutionTimeout } = action?.startWorkflow ?? {};
  return JSON.stringify([
    ...[spec, policies, state?.paused, state?.limitedActions, state?.remainingActions],
    ...[taskQueue?.name, input, workflowType, workflowExecutionTimeout],
  ]);
}

async function releaseOnceHealed(
  job: BenchJob,
  isHealed: () => Promise<boolean>,
  healing: { isSeen: boolean },
): Promise<void> {
  for (const deadline = Date.now() + MAX_BUSY_MS; Date.now() < deadline && !healing.isSeen;) {
    await sleep(POLL_MS);
    healing.isSeen = await isHealed();
  }
  job.busy = false;
}

/** Faults that people make. */
export const OPERATOR_FAULTS: FaultKinds = {
  'operator changes a Temporal Schedule': {
    fault: tamper,
    times: 3,
    holds: ['API', 'workers', 'Postgres', 'Temporal'],
  },
};
