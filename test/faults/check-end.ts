import { toText, type Finding, type FindingKind } from './findings.ts';
import { statesAt, type JobHistory } from './history.ts';
import type { FaultLog, FaultRecord, PlainSchedule } from './log.ts';
import { mayLackItsJob, RECOVERY_MS } from './near-faults.ts';
import { dueBetween, isSameSchedule } from './oracle.ts';

const OPEN_STATES = ['queued', 'running'];
/** Whether another end of a workflow is right depends on its run (check-runs.ts). */
const NEVER = ['CONTINUED_AS_NEW', 'UNKNOWN', 'UNSPECIFIED'];

/** Finds runs, workflows and jobs that are stuck, and jobs whose state differs from the last request. */
export function checkEnd(log: FaultLog, histories: ReadonlyMap<string, JobHistory>): Finding[] {
  const findings: Finding[] = [];
  const find = (kind: FindingKind, job: string | null, detail: string) =>
    findings.push({ kind, job, scheduledAt: null, detail });

  for (const run of log.runs) {
    if (OPEN_STATES.includes(run.state))
      find('stuck', run.job, `run ${run.id} for ${toText(run.scheduledAt)} is ${run.state}`);
  }
  for (const { workflowId, status, startedAt } of log.workflows) {
    if (status === 'RUNNING') find('stuck', null, `workflow ${workflowId} is open`);
    else if (NEVER.includes(status) && !mayLackItsJob(log.faults, startedAt))
      find('state', null, `workflow ${workflowId} is ${status}`);
  }
  for (const { process, at, detail } of log.exits)
    find('state', null, `${process} ended by itself at ${toText(at)}: ${detail}`);
  for (const { jobId, calls } of log.operations)
    for (const { method, path, status } of calls)
      if (status === 500) find('state', jobId, `${method} ${path} was answered with 500`);
  const present = new Map(log.jobs.map((job) => [job.id, job]));
  for (const job of log.jobs) {
    if (!job.synced) find('stuck', job.id, 'not synced with Temporal');
    if (job.deleted && job.held) find('state', job.id, 'deleted, and Temporal still has its schedule');
    if (!job.deleted && !job.held && job.state !== 'completed')
      find('state', job.id, `${job.state}, and Temporal has no schedule of it`);
  }
  for (const [id, history] of histories) {
    const [state, ...others] = statesAt(history, log.horizon);
    if (!state || others.length > 0) continue;
    const job = present.get(id);
    if (!state.exists) {
      if (job && !job.deleted) find('state', id, 'deleted by its client, and still there');
      continue;
    }
    if (!job || job.deleted) {
      find('state', id, 'not deleted by its client, and gone');
      continue;
    }
    if (!isSameSchedule(job.schedule, state.schedule))
      find(
        'state',
        id,
        `its schedule is ${JSON.stringify(job.schedule)}, not ${JSON.stringify(state.schedule)}`,
      );
    const over = isOver(log, id, state.schedule);
    const wanted = [...(over ? ['completed'] : []), ...(state.paused ? ['paused'] : over ? [] : ['active'])];
    if (!wanted.includes(job.state)) find('state', id, `it is ${job.state}, not ${wanted.join(' or ')}`);
  }
  return findings;
}

/** Whether a job has had its last occurrence. */
function isOver({ runs, horizon }: FaultLog, job: string, schedule: PlainSchedule | null): boolean {
  if (schedule?.kind === 'at' && dueBetween(schedule, horizon, Infinity).length === 0) return true;
  const most = schedule?.maxRuns;
  if (most === undefined) return false;
  const had = runs.filter(
    (run) => run.job === job && run.trigger === 'schedule' && !['skipped', 'missed'].includes(run.state),
  );
  return had.length >= most;
}

/** The time that the service took to recover from a fault; undefined if no recovery was observed. */
export function recoveryMs({ checkedFrom, recovery }: FaultRecord): number | undefined {
  const { readyAt, onTimeAt, syncedAt } = recovery;
  if (readyAt === null || onTimeAt === null || syncedAt === null) return undefined;
  return Math.max(0, readyAt - checkedFrom, onTimeAt - checkedFrom, syncedAt - checkedFrom);
}

/** Finds faults from which the service did not recover in time. */
export function checkRecovery(faults: readonly FaultRecord[]): Finding[] {
  return faults.flatMap((fault): Finding[] => {
    const took = recoveryMs(fault);
    if (took !== undefined && took <= RECOVERY_MS) return [];
    const { readyAt, onTimeAt, syncedAt } = fault.recovery;
    const after = (at: number | null) => (at === null ? 'never seen' : `${at - fault.checkedFrom} ms`);
    const detail = `fault ${fault.number} (${fault.kind}, ${fault.detail}): ready ${after(readyAt)}, on time ${after(onTimeAt)}, synced ${after(syncedAt)}`;
    return [{ kind: 'recovery', job: null, scheduledAt: null, detail }];
  });
}
