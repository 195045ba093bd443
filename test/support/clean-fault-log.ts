import { verdictOf } from '../faults/answers.ts';
import type {
  FaultLog,
  JobTraits,
  OperationKind,
  OperationRecord,
  PlainSchedule,
  RunRecord,
  TargetCall,
} from '../faults/log.ts';
import { dueBetween, isDue } from '../faults/oracle.ts';

// A log as the fault bench writes it, of a service without errors, in which the tests of the checker plant errors.

export const BEGIN = Date.UTC(2026, 0, 1);
const HORIZON = BEGIN + 600_000;
export const FAULT = { startedAt: BEGIN + 300_000, endedAt: BEGIN + 303_000 };

export const idOf = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
export const runOf = (job: string, instant: number) => `run of ${job} at ${instant}`;
const toText = (instant: number) => new Date(instant).toISOString().replace('.000Z', 'Z');

/**
 * An operation on a job, and its time in seconds from the beginning; for a pause that ends by itself, also that of its end.
 * Each operation takes 100 ms.
 */
type Step = [kind: OperationKind, second: number, schedule?: PlainSchedule | undefined, until?: number];

/** A job, and what its clients do. */
export interface PlannedJob {
  traits: JobTraits;
  steps: Step[];
}

/** The traits of a job whose target answers at once. */
export const traitsWith = (more: Partial<JobTraits> = {}): JobTraits => ({
  ...{ target: 'http', overlap: 'allowAll', script: 'prompt', maxAttempts: 50 },
  ...more,
});

/** The runs that a service without errors would start, given the instants at which the operations took effect. */
export function cleanLog(jobs: readonly PlannedJob[]): FaultLog {
  const log: FaultLog = {
    ...{ seed: 0, startedAt: BEGIN, horizon: HORIZON },
    ...{ operations: [], calls: [], faults: [], workflows: [], runs: [], jobs: [], exits: [] },
  };
  jobs.forEach(({ traits, steps }, index) => {
    const job = idOf(index);
    steps.forEach((step, number) => {
      const operation = operationOf(job, `job ${index}`, number, step, traits);
      log.operations.push(operation);
      const { runId, calls } = operation;
      if (runId !== null) addRun(log, job, (calls[0]?.calledAt ?? 0) + 50, runId, step[0]);
    });
    let left = steps[0]?.[2]?.maxRuns ?? Infinity;
    for (let instant = BEGIN; instant <= HORIZON; instant += 1_000) {
      const schedule = scheduleAt(steps, instant);
      if (!schedule || !isDue(schedule, instant) || left-- <= 0) continue;
      addRun(log, job, instant, runOf(job, instant), 'schedule', traits);
    }
    if (traits.hookAfter !== undefined) addHooks(log, job, traits.hookAfter);
    addPause(log, job, steps);
    const isDeleted = steps[steps.length - 1]?.[0] === 'delete';
    const schedule =
      scheduleAt(
        steps.filter(([kind]) => kind !== 'delete'),
        HORIZON,
      ) ?? null;
    const isOver = schedule?.kind === 'at' || left <= 0;
    log.jobs.push({
      ...{ id: job, name: `job ${index}`, deleted: isDeleted, synced: true, schedule },
      state: isOver ? 'completed' : 'active',
      held: isDeleted || isOver ? null : heldOf(schedule, traits),
    });
  });
  setTokens(log, jobs);
  log.faults.push({
    ...{ number: 1, kind: 'kill worker', detail: 'worker-1', reached: true, ...FAULT },
    checkedFrom: FAULT.endedAt,
    recovery: {
      readyAt: FAULT.endedAt + 2_000,
      onTimeAt: FAULT.endedAt + 1_000,
      syncedAt: FAULT.endedAt + 300,
    },
  });
  return log;
}

function operationOf(
  job: string,
  jobName: string,
  number: number,
  [kind, second, schedule, until]: Step,
  traits: JobTraits,
): OperationRecord {
  const calledAt = BEGIN + second * 1_000;
  return {
    ...{ id: `${job}/${number}`, kind, jobName, jobId: job, outcome: 'done' },
    schedule: schedule ?? null,
    traits: kind === 'create' ? traits : null,
    pausedUntil: until === undefined ? null : BEGIN + until * 1_000,
    calls: [
      { api: 1, method: 'POST', path: '/', calledAt, endedAt: calledAt + 100, status: 200, code: null },
    ],
    runId: kind === 'run' || kind === 'retry' ? idOf(900 + Number(job.slice(-3))) : null,
    backfill: null,
  };
}

function heldOf(schedule: PlainSchedule | null, { overlap }: JobTraits): FaultLog['jobs'][0]['held'] {
  const isInterval = schedule?.kind === 'every';
  return {
    ...{ paused: false, overlap, taskQueue: 'scheduler', calendars: isInterval ? 0 : 1 },
    intervals: isInterval ? [[schedule.seconds * 1_000, schedule.offset * 1_000]] : [],
  };
}

function scheduleAt(steps: Step[], instant: number): PlainSchedule | undefined {
  let schedule: PlainSchedule | undefined;
  let active = false;
  let pausedUntil = Infinity;
  for (const [kind, second, given, until] of steps) {
    if (BEGIN + second * 1_000 >= instant) break;
    schedule = given ?? schedule;
    if (kind === 'create' || kind === 'resume') active = true;
    if (kind === 'pause' || kind === 'delete') active = false;
    if (kind === 'pause') pausedUntil = until === undefined ? Infinity : BEGIN + until * 1_000;
    if (kind === 'delete') pausedUntil = Infinity;
  }
  return active || pausedUntil <= instant ? schedule : undefined;
}

/** The run that a service without errors records for the pause of a job. */
function addPause(log: FaultLog, job: string, steps: Step[]): void {
  const schedule = steps[0]?.[2];
  const paused = steps.find(([kind]) => kind === 'pause');
  if (!schedule || !paused) return;
  const resumed = paused[3] ?? steps.find(([kind]) => kind === 'resume')?.[1] ?? 0;
  const due = dueBetween(schedule, BEGIN + paused[1] * 1_000, BEGIN + resumed * 1_000 - 1);
  log.runs.push({
    ...{ id: runOf(job, due[0] as number), job, scheduledAt: due[0] as number, trigger: 'schedule' },
    ...{ state: 'skipped', reason: 'paused', reasonCode: 'paused', endedAt: null, attempts: [] },
    pause: { until: due[due.length - 1] as number, count: due.length },
  });
}

/** Adds a run with its calls, which the target answers by the script of its job. */
export function addRun(
  log: FaultLog,
  job: string,
  scheduledAt: number,
  run: string,
  trigger: string,
  { script, maxAttempts, timeoutMs = 0 }: JobTraits = traitsWith(),
): void {
  const at = scheduledAt + 120;
  const call = { at, job, run, key: run, scheduledAt, attempt: 1 };
  const verdict = verdictOf(script, scheduledAt);
  const calls: TargetCall[] =
    verdict === 'hangs'
      ? [{ ...call, endedAt: at + timeoutMs, status: null }]
      : verdict === 'fails'
        ? [{ ...call, endedAt: at + 5, status: 500 }]
        : script === 'busy' && (scheduledAt / 1_000) % 2 === 0
          ? [
              { ...call, endedAt: at + 5, status: 503, retryAfter: 1 },
              { ...call, at: at + 1_100, endedAt: at + 1_105, status: 200, attempt: 2 },
            ]
          : [{ ...call, endedAt: at + (script === 'slow' ? 1_500 : 5), status: 200 }];
  log.calls.push(...calls);
  const endedAt = (calls[calls.length - 1]?.endedAt ?? at) + 10;
  log.workflows.push({
    workflowId:
      trigger === 'schedule' ? `scheduler-job-${job}-${toText(scheduledAt)}` : `scheduler-run-${run}`,
    executionId: `execution of ${run}`,
    ...{ status: 'COMPLETED', startedAt: at - 60, closedAt: endedAt + 45, resultState: null },
  });
  const state =
    verdict === 'hangs' ? 'timedOut' : verdict === 'fails' && maxAttempts === 1 ? 'failed' : 'succeeded';
  log.runs.push({
    ...{ id: run, job, scheduledAt, state, endedAt, pause: null },
    ...{ reason: null, reasonCode: CODES[state] ?? null },
    attempts: calls.map(({ attempt, status, ...times }) => ({
      ...{ number: attempt, outcome: status === 200 ? 'succeeded' : 'failed' },
      ...{ startedAt: times.at, endedAt: times.endedAt ?? times.at },
    })),
    trigger: trigger === 'run' ? 'manual' : trigger,
  });
}

const CODES: Record<string, string> = { failed: 'attemptFailed', timedOut: 'timeoutReached' };

/** Calls the hooks of a job. */
function addHooks(log: FaultLog, job: string, after: number): void {
  const ends = log.runs.filter((run) => run.job === job && run.trigger === 'schedule');
  let failures = 0;
  let alerted = false;
  for (const run of ends) {
    failures = run.state === 'failed' ? failures + 1 : 0;
    if (failures >= after && !alerted) addHook(log, run, 'onFailure');
    else if (failures === 0 && alerted) addHook(log, run, 'onRecovery');
    alerted = failures === 0 ? false : alerted || failures >= after;
  }
}

/** Adds the call of a hook, and its run. */
export function addHook(
  log: FaultLog,
  { job, id, endedAt }: RunRecord,
  trigger: string,
  run = `${trigger} ${id}`,
) {
  const at = (endedAt ?? 0) + 100;
  const event = trigger === 'onFailure' ? 'job.failing' : 'job.recovered';
  log.calls.push({
    ...{ at, endedAt: at + 5, status: 200, job, run, key: run, scheduledAt: endedAt ?? 0, attempt: 1 },
    hook: { event, cause: id },
  });
  log.runs.push({
    ...{ id: run, job, trigger, scheduledAt: endedAt ?? 0, state: 'succeeded', endedAt: at + 10, cause: id },
    ...{ reason: null, reasonCode: null, pause: null },
    attempts: [{ number: 1, outcome: 'succeeded', startedAt: at, endedAt: at + 5 }],
  });
}

/** Makes a call again, after the first one was lost, `afterMs` later. Each of the two is recorded. */
export function callAgain(log: FaultLog, call: TargetCall, afterMs: number, tookMs = 5): void {
  const at = call.at + afterMs;
  log.calls.push({ ...call, at, endedAt: at + tookMs });
  log.runs
    .find(({ id }) => id === call.run)
    ?.attempts.unshift({ number: call.attempt, outcome: 'lost', startedAt: call.at, endedAt: at });
}

function setTokens(log: FaultLog, jobs: readonly PlannedJob[]): void {
  const tokens = new Map<string, number>();
  for (const call of [...log.calls].sort((a, b) => a.at - b.at)) {
    const key = jobs[Number(call.job.slice(-12))]?.traits.limits?.key;
    if (key === undefined) continue;
    tokens.set(key, (tokens.get(key) ?? 0) + 1);
    call.token = tokens.get(key) as number;
  }
}

/** Removes a run and all its traces from the log. */
export function dropRun(log: FaultLog, run: string): void {
  log.calls = log.calls.filter((call) => call.run !== run);
  log.runs = log.runs.filter(({ id }) => id !== run);
  log.workflows = log.workflows.filter(({ executionId }) => executionId !== `execution of ${run}`);
}
