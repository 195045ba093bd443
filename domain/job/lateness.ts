import { toInstant } from '../instant.ts';
import type { Lateness } from '../run/hook-trigger.ts';
import type { RunState } from '../run/run-state.ts';

// When a job is late. Goes by nominal times, so that nothing has to run for it.

/** The conditions of an `onLate`, in milliseconds. */
export interface LateConditions {
  startWithin?: number | undefined;
  finishWithin?: number | undefined;
  noSuccessFor?: number | undefined;
  skippedInARow?: number | undefined;
}

/** An occurrence of the job, as the occurrence log has it. Times in milliseconds since the epoch. */
export interface JudgedOccurrence {
  scheduledAt: number;
  startedAt: number | null;
  endedAt: number | null;
  state: RunState;
  reasonCode: string | null;
}

/** What decides whether a job is late. Times in milliseconds since the epoch. */
export interface LatenessFacts {
  conditions: LateConditions;
  jitterMs: number;
  now: number;
  /** What became late until then was judged before. */
  judgedTo: number;
  /** Nothing that was due until then counts: the job was not active, or had no `onLate`. */
  watchedSince: number;
  /** The newest occurrences, and those whose time ran out since `judgedTo`, in any order. */
  occurrences: JudgedOccurrence[];
  /** When a run last succeeded; null if none has. */
  lastSuccessAt: number | null;
  /** The present episode; null if there is none. */
  late: Lateness | null;
}

/**
 * The episode in which a job is after it was judged: a new one, the present one, or none. A new one begins with the condition
 * that was met first since the last judgment. The present one ends when no condition holds any more and an occurrence after
 * the one that was late was on time. Pure.
 */
export function judgeLateness(facts: LatenessFacts): Lateness | null {
  const occurrences = facts.occurrences
    .filter(({ scheduledAt }) => scheduledAt > facts.watchedSince)
    .sort((a, b) => a.scheduledAt - b.scheduledAt);
  const watched = { ...facts, occurrences };
  if (facts.late) return isOnTimeAgain(watched, facts.late) ? null : facts.late;
  const met = [...listTimedOut(watched), ...listSkipped(watched), ...listSilence(watched)];
  const [first] = met.sort((a, b) => a.since - b.since);
  if (!first) return null;
  const { condition, since, scheduledAt } = first;
  return {
    condition,
    since: toInstant(since),
    scheduledAt: scheduledAt === undefined ? null : toInstant(scheduledAt),
  };
}

/** When a job is to be judged next; null: not before it changes. `nextAfter` finds its occurrences. Pure. */
export function nextJudgmentAt(
  facts: Omit<LatenessFacts, 'occurrences' | 'judgedTo'>,
  nextAfter: (instant: number) => number | undefined,
): number | null {
  const { conditions, jitterMs, now, late } = facts;
  if (late) return now + LATE_PERIOD_MS;
  const afterOccurrence = (ms: number | undefined) => {
    const next = ms === undefined ? undefined : nextAfter(now - ms - jitterMs);
    return ms === undefined || next === undefined ? [] : [next + ms + jitterMs + 1];
  };
  const times = [
    ...afterOccurrence(conditions.startWithin),
    ...afterOccurrence(conditions.finishWithin),
    ...afterOccurrence(conditions.skippedInARow === undefined ? undefined : DECIDED_AFTER_MS),
    ...(conditions.noSuccessFor === undefined ? [] : [silentSince(facts) + conditions.noSuccessFor]),
  ];
  return times.length === 0 ? null : Math.max(Math.min(...times), now + LEAST_PERIOD_MS);
}

/** A job that is late is judged this often, to see that it is on time again. */
const LATE_PERIOD_MS = 10_000;
/** A job is judged no more often than this, however often it fires. */
const LEAST_PERIOD_MS = 3_000;
/** An occurrence that Temporal does not start is mostly decided on after this time. */
const DECIDED_AFTER_MS = 45_000;

/** A condition that was met. */
interface Met {
  condition: Lateness['condition'];
  since: number;
  scheduledAt?: number;
}

/** Occurrences that had not begun or ended in time, of those whose time ran out since the last judgment. */
function listTimedOut(facts: LatenessFacts): Met[] {
  return facts.occurrences.flatMap((occurrence) =>
    (['startWithin', 'finishWithin'] as const).flatMap((condition) => {
      const since = deadlineOf(facts, occurrence, condition);
      const isNew = since !== undefined && since > facts.judgedTo && since <= facts.now;
      return isNew && isInTime(facts, occurrence, condition) === false
        ? [{ condition, since, scheduledAt: occurrence.scheduledAt }]
        : [];
    }),
  );
}

const deadlineOf = (
  { conditions, jitterMs }: LatenessFacts,
  { scheduledAt }: JudgedOccurrence,
  condition: 'startWithin' | 'finishWithin',
) => {
  const ms = conditions[condition];
  return ms === undefined ? undefined : scheduledAt + jitterMs + ms;
};

/** Whether an occurrence has begun or ended in time; undefined if that is open, or it never had to. */
function isInTime(
  facts: LatenessFacts,
  occurrence: JudgedOccurrence,
  condition: 'startWithin' | 'finishWithin',
): boolean | undefined {
  const { state, startedAt, endedAt } = occurrence;
  const deadline = deadlineOf(facts, occurrence, condition);
  // What was skipped or cancelled before it began was meant to be left out.
  const isLeftOut = state === 'skipped' || (startedAt === null && endedAt !== null && state !== 'missed');
  if (deadline === undefined || isLeftOut) return undefined;
  const at = startedAt === null ? null : condition === 'startWithin' ? startedAt : endedAt;
  if (at !== null && at <= deadline) return true;
  return deadline <= facts.now ? false : undefined;
}

/** Whether an occurrence was on time in every way; undefined if that is open. */
function isOnTime(facts: LatenessFacts, occurrence: JudgedOccurrence): boolean | undefined {
  const conditions = (['startWithin', 'finishWithin'] as const).filter((name) => facts.conditions[name]);
  if (conditions.length === 0) return occurrence.startedAt === null ? undefined : true;
  const verdicts = conditions.map((condition) => isInTime(facts, occurrence, condition));
  if (verdicts.includes(false)) return false;
  return verdicts.every(Boolean) ? true : undefined;
}

/** Whether an occurrence is one more that did not run (true), one that did (false), or none that counts (undefined). */
function didNotRun({ state, reasonCode, startedAt }: JudgedOccurrence): boolean | undefined {
  if (state === 'missed') return true;
  if (state === 'skipped') return reasonCode === 'overlap' ? true : undefined;
  return startedAt === null ? undefined : false;
}

/** How many occurrences in a row did not run, up to each of them. */
function countSkipped(occurrences: JudgedOccurrence[]) {
  let count = 0;
  return occurrences.flatMap((occurrence) => {
    const skipped = didNotRun(occurrence);
    if (skipped === undefined) return [];
    count = skipped ? count + 1 : 0;
    return [{ occurrence, count }];
  });
}

function listSkipped({ conditions, occurrences, judgedTo, now }: LatenessFacts): Met[] {
  const { skippedInARow } = conditions;
  return countSkipped(occurrences).flatMap(({ occurrence, count }) => {
    const since = occurrence.endedAt ?? now;
    if (count !== skippedInARow || since <= judgedTo) return [];
    return [{ condition: 'skippedInARow' as const, since, scheduledAt: occurrence.scheduledAt }];
  });
}

/** From when on the time without a success counts. */
const silentSince = ({
  lastSuccessAt,
  watchedSince,
}: Pick<LatenessFacts, 'lastSuccessAt' | 'watchedSince'>) => Math.max(lastSuccessAt ?? 0, watchedSince);

function listSilence(facts: LatenessFacts): Met[] {
  const { noSuccessFor } = facts.conditions;
  if (noSuccessFor === undefined) return [];
  const since = silentSince(facts) + noSuccessFor;
  return since <= facts.now ? [{ condition: 'noSuccessFor', since }] : [];
}

function isOnTimeAgain(facts: LatenessFacts, late: Lateness): boolean {
  const { conditions, occurrences, lastSuccessAt } = facts;
  if (listSilence(facts).length > 0) return false;
  const skipped = countSkipped(occurrences).at(-1)?.count ?? 0;
  if (conditions.skippedInARow !== undefined && skipped >= conditions.skippedInARow) return false;
  const newest = occurrences.findLast((occurrence) => isOnTime(facts, occurrence) !== undefined);
  const isNewestOnTime = newest && isOnTime(facts, newest);
  if (isNewestOnTime === false) return false;
  if (late.scheduledAt === null) return (lastSuccessAt ?? 0) > Date.parse(late.since);
  return isNewestOnTime === true && newest !== undefined && newest.scheduledAt > Date.parse(late.scheduledAt);
}
