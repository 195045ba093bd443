import { toText, type Finding, type FindingKind } from './findings.ts';
import { windowOf, type JobHistory } from './history.ts';
import type { IndexedLog } from './index-log.ts';
import type { FaultRecord, OperationRecord, RunRecord } from './log.ts';
import { lateAfter, mayBeLost, timedOutNearFault } from './near-faults.ts';
import { dueBetween } from './oracle.ts';

/**
 * Compares the requested backfills with their runs: one for each occurrence of the schedule in the period, each with a call.
 * A run makes no call if it was cancelled, if its job was deleted before it could start, or if it timed out near a fault.
 */
export function checkBackfills(
  { backfilled, operationsOf }: IndexedLog,
  histories: ReadonlyMap<string, JobHistory>,
  operations: readonly OperationRecord[],
  faults: readonly FaultRecord[],
): Finding[] {
  const findings: Finding[] = [];
  const find = (kind: FindingKind, job: string | null, scheduledAt: number | null, detail: string) =>
    findings.push({ kind, job, scheduledAt: scheduledAt === null ? null : toText(scheduledAt), detail });
  const runsOf = new Map<string, RunRecord[]>();
  for (const { runs } of backfilled.values())
    for (const run of runs) runsOf.set(run.backfill ?? '', [...(runsOf.get(run.backfill ?? '') ?? []), run]);

  for (const operation of operations) {
    const { jobId, backfill, schedule, outcome } = operation;
    if (!backfill || outcome !== 'done' || backfill.id === null || !schedule) continue;
    if (runsOf.get(backfill.id)?.some(({ endedAt }) => mayBeLost(faults, endedAt ?? 0))) {
      runsOf.delete(backfill.id);
      continue;
    }
    const expected = dueBetween(schedule, backfill.from, backfill.to);
    const runs = runsOf.get(backfill.id) ?? [];
    runsOf.delete(backfill.id);
    const made = runs.map(({ scheduledAt }) => scheduledAt);
    if (backfill.count !== expected.length)
      find('state', jobId, null, `a backfill of ${expected.length} occurrences counts ${backfill.count}`);
    for (const instant of expected)
      if (!made.includes(instant)) find('missing', jobId, instant, `not in the backfill ${backfill.id}`);
    for (const instant of made.filter((one, index) => !expected.includes(one) || made.indexOf(one) !== index))
      find('phantom', jobId, instant, `in the backfill ${backfill.id}, and not due, or twice`);
    const deleted = operationsOf.get(jobId ?? '')?.find(({ kind }) => kind === 'delete');
    for (const run of runs) {
      if ((backfilled.get(run.id)?.calls.length ?? 0) > 0) continue;
      const isCancelled = run.state === 'cancelled';
      // A worker whose statement was held up dates the end by when it sent that.
      const startedBy = Math.max(lateAfter(faults, windowOf(operation).until), run.endedAt ?? 0);
      const isOvertaken = run.reasonCode === 'jobDeleted' && startedBy >= windowOfDelete(deleted);
      const { traits } = histories.get(run.job) ?? {};
      const isTimedOut = timedOutNearFault(faults, traits, run, windowOf(operation).from);
      if (!isCancelled && !isOvertaken && !isTimedOut)
        find(
          'missing',
          jobId,
          run.scheduledAt,
          `no call of run ${run.id} of a backfill, which is ${run.state}`,
        );
    }
  }
  // Without an answer, a backfill may have been made.
  const unanswered = operations.filter(({ backfill, outcome }) => backfill && outcome !== 'done');
  for (const [id, runs] of runsOf) {
    const job = runs[0]?.job ?? null;
    const mayBe = ({ jobId, outcome, calls }: OperationRecord) =>
      jobId === job && (outcome === 'unknown' || calls.some(({ status }) => status === null));
    if (!unanswered.some(mayBe))
      find('phantom', job, null, `${runs.length} runs of the backfill ${id}, which nobody was told of`);
  }
  return findings;
}

const windowOfDelete = (deleted: OperationRecord | undefined) =>
  deleted ? windowOf(deleted).from : Infinity;
