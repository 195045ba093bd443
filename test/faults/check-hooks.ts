import { toText, type Finding } from './findings.ts';
import type { JobHistory } from './history.ts';
import { getOrPut, type IndexedLog, type Traces } from './index-log.ts';
import { mayHaveHappened } from './check-runs.ts';
import type { FaultRecord, OperationRecord, RunRecord } from './log.ts';
import { clockOffBetween, mayBeLost } from './near-faults.ts';

const COUNTED = ['succeeded', 'failed', 'timedOut'];

/** What the service knows of the last runs of a job. */
interface Health {
  failures: number;
  alerted: boolean;
}

/**
 * Compares the calls of hooks with the recorded ends of the scheduled runs: `onFailure` is called once when enough runs in a
 * row have failed, `onRecovery` once when one succeeds after that. A run that resumes a job resets the count at an unknown
 * moment of the request, so both counts are possible then. Each recorded hook has its call, unless a client
 * cancelled it.
 */
export function checkHooks(
  index: IndexedLog,
  histories: ReadonlyMap<string, JobHistory>,
  operations: readonly OperationRecord[],
  faults: readonly FaultRecord[],
): Finding[] {
  const cancelled = new Set(
    operations
      .filter((operation) => operation.kind === 'cancel' && mayHaveHappened(operation))
      .map(({ runId }) => runId),
  );
  const findings: Finding[] = [];
  const find = (job: string, scheduledAt: number | null, detail: string) =>
    findings.push({
      kind: 'hook',
      job,
      scheduledAt: scheduledAt === null ? null : toText(scheduledAt),
      detail,
    });
  const hooksOfCause = new Map<string, RunRecord[]>();
  const withLostHooks = new Set<string>();

  for (const [id, { calls, runs }] of index.hooks) {
    const [record] = runs;
    if (mayBeLost(faults, calls[0]?.at ?? record?.scheduledAt ?? 0)) {
      withLostHooks.add(record?.job ?? calls[0]?.job ?? '');
      continue;
    }
    if (!record) {
      find(
        calls[0]?.job ?? '',
        null,
        `a call for ${calls[0]?.hook?.cause} by run ${id}, which is not recorded`,
      );
      continue;
    }
    getOrPut(hooksOfCause, record.cause ?? '', () => []).push(record);
    const event = record.trigger === 'onFailure' ? 'job.failing' : 'job.recovered';
    for (const { hook } of calls)
      if (hook?.event !== event || hook.cause !== record.cause)
        find(
          record.job,
          null,
          `run ${id}: ${event} for ${record.cause} was called as ${JSON.stringify(hook)}`,
        );
    const isDeleted = record.state === 'skipped' && deletedFrom(histories.get(record.job)) < Infinity;
    if (calls.length > 0 && record.state === 'failed')
      find(record.job, null, `run ${id}: ${event} failed (${record.reason ?? ''}), and the target was there`);
    const isCancelled = record.state === 'cancelled' && cancelled.has(id);
    if (calls.length === 0 && !isDeleted && !isCancelled)
      find(record.job, null, `run ${id}: no call of ${event} for ${record.cause}; recorded: ${record.state}`);
  }
  for (const [job, history] of histories) {
    if (history.traits.hookAfter === undefined || withLostHooks.has(job)) continue;
    const ends = endsOf(index.occurrencesOf.get(job), faults);
    // The count of failures may be an older one then.
    if (ends.some(({ endedAt }) => mayBeLost(faults, endedAt ?? 0))) continue;
    checkEpisodes(history, ends, hooksOfCause, (run, detail) => find(job, run.scheduledAt, detail));
  }
  return findings;
}

const deletedFrom = (history: JobHistory | undefined) =>
  history?.changes.find(({ kind }) => kind === 'delete')?.from ?? Infinity;

/** The scheduled runs that count, in the order of their ends: those of their last calls, if a clock was off. */
function endsOf(
  occurrences: ReadonlyMap<number, Traces> | undefined,
  faults: readonly FaultRecord[],
): RunRecord[] {
  return [...(occurrences?.values() ?? [])]
    .flatMap(({ runs, calls }) => {
      const calledUntil = calls[calls.length - 1]?.endedAt ?? null;
      return runs.map((run) => {
        const isOff = clockOffBetween(faults, run.scheduledAt, run.endedAt ?? run.scheduledAt) > 0;
        return isOff && calledUntil !== null ? { ...run, endedAt: calledUntil } : run;
      });
    })
    .filter(({ state }) => COUNTED.includes(state))
    .sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0));
}

function checkEpisodes(
  history: JobHistory,
  ends: readonly RunRecord[],
  hooksOfCause: ReadonlyMap<string, RunRecord[]>,
  find: (run: RunRecord, detail: string) => void,
): void {
  const after = history.traits.hookAfter ?? 1;
  const deleted = deletedFrom(history);
  let possible: Health[] = [{ failures: 0, alerted: false }];
  let previousAt = -Infinity;
  for (const run of ends) {
    const endedAt = run.endedAt ?? 0;
    const mayBeReset = history.changes.some(
      ({ kind, from, until }) => kind === 'resume' && until + NOTICED_MS >= previousAt && from <= endedAt,
    );
    previousAt = endedAt;
    if (mayBeReset) possible = distinct([...possible, ...possible.map((one) => ({ ...one, failures: 0 }))]);
    const called = (hooksOfCause.get(run.id) ?? []).map(({ trigger }) => trigger).sort();
    const next = possible.map((health) => afterEnd(health, run.state !== 'succeeded', after));
    const fitting = next.filter(
      ({ hook }) => called.join() === (hook ?? '') || (called.length === 0 && endedAt >= deleted),
    );
    if (fitting.length === 0) {
      const expected = [...new Set(next.map(({ hook }) => hook ?? 'none'))].join(' or ');
      find(
        run,
        `run ${run.id} ${run.state}: hooks called: ${called.join(' and ') || 'none'}, not ${expected}`,
      );
    }
    possible = distinct((fitting.length > 0 ? fitting : next).map(({ health }) => health));
  }
}

/** A pause that ends by itself resumes its job when the service notices it. */
const NOTICED_MS = 60_000;

function afterEnd({ failures, alerted }: Health, failed: boolean, after: number) {
  if (!failed) return { health: { failures: 0, alerted: false }, hook: alerted ? 'onRecovery' : undefined };
  const alerts = !alerted && failures + 1 >= after;
  return {
    health: { failures: failures + 1, alerted: alerted || alerts },
    hook: alerts ? 'onFailure' : undefined,
  };
}

const distinct = (all: readonly Health[]): Health[] => [
  ...new Map(all.map((health) => [`${health.failures} ${health.alerted}`, health])).values(),
];
