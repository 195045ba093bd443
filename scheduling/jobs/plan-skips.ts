import type { Database } from '../../db/database.ts';
import { countRunsSoFar } from '../../db/runs/occurrence-log.ts';
import { listKnownRuns } from '../../db/runs/runs.ts';
import type { JobRow } from '../../db/schema.ts';
import { invalid, SchedulerError, type FieldError } from '../../domain/errors.ts';
import { toInstant } from '../../domain/instant.ts';
import { runIdOfOccurrence } from '../../domain/run/ids.ts';
import type { CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import { lastOccurrence } from '../../domain/schedule/last-occurrence.ts';
import { occurrences, prepareIsOccurrence } from '../../domain/schedule/occurrences.ts';
import { MAX_SKIPS, type Skip } from '../../domain/schedule/skip-schema.ts';
import { includingSkipped, listInstants, skipsIn } from '../../domain/schedule/skips.ts';
import { tryCompile } from '../../domain/schedule/try-compile.ts';
import { isUsedUp } from '../occurrences/due-within-max-runs.ts';
import { lastOfPause } from '../occurrences/pause-log.ts';
import type { JobChange } from './job-change.ts';

/** Which occurrences to skip: those at these instants, or as many of the next ones. */
type SkippedOccurrences = { at: string | string[] } | { next: number };

/** Occurrences beyond those that are asked for, in case some have been started by a clock that is ahead. */
const AHEAD = 2;

/**
 * The change by which a locked job skips occurrences, in force from `now`; undefined if it skips them already.
 * @throws SchedulerError `completed`, or `invalid` for what is no occurrence, or one that has been due or started already
 */
export async function planSkips(
  transaction: Database,
  job: JobRow,
  wanted: SkippedOccurrences,
  { reason, by, now }: { reason: string; by: string; now: Date },
): Promise<JobChange | undefined> {
  const compiled = await requireOccurrences(transaction, job, now);
  const pending = skipsIn(job.schedule, now.getTime());
  const instants =
    'next' in wanted
      ? await chooseNext(transaction, job, compiled, wanted.next, now)
      : await chooseNamed(transaction, job, compiled, wanted.at, now);
  const isSame = ({ at, reason: held }: Skip) => instants.has(Date.parse(at)) && held === reason;
  if (pending.filter(isSame).length === instants.size) return undefined;
  const kept = pending.filter((skip) => isSame(skip) || !instants.has(Date.parse(skip.at)));
  for (const { at } of kept) instants.delete(Date.parse(at));
  if (kept.length + instants.size > MAX_SKIPS) {
    const message = `with these, ${kept.length + instants.size} occurrences would be skipped, and ${MAX_SKIPS} are taken; exclude them in the schedule, or pause the job`;
    throw invalid([{ path: 'next' in wanted ? 'next' : 'at', code: 'too_many', message }]);
  }
  const requestedAt = toInstant(now.getTime());
  const added = [...instants].map((instant) => ({ at: toInstant(instant), reason, by, requestedAt }));
  return { action: 'skipped', skips: [...kept, ...added] };
}

/**
 * The change by which a locked job no longer skips some occurrences.
 * @throws SchedulerError `completed`, or `invalid` for what is not skipped, or was due already
 */
export function planUnskips(job: JobRow, at: string | string[], now: Date): JobChange {
  refuseCompleted(job);
  const pending = skipsIn(job.schedule, now.getTime());
  const instants = new Map(pending.map((skip) => [Date.parse(skip.at), skip]));
  const faults = byPath(at).flatMap(({ path, text, instant }): FieldError[] => {
    if (instant <= now.getTime()) return [inThePast(path, text, now)];
    if (instants.has(instant)) return [];
    const skipped =
      pending.length === 0 ? 'no occurrence is' : `these are: ${listInstants([...instants.keys()])}`;
    return [{ path, code: 'not_skipped', message: `${text} is not skipped; ${skipped}` }];
  });
  if (faults.length > 0) throw invalid(faults);
  for (const { instant } of byPath(at)) instants.delete(instant);
  return { action: 'unskipped', skips: [...instants.values()] };
}

function refuseCompleted({ id, state }: JobRow): void {
  if (state !== 'completed') return;
  const message = `The job ${id} has had its last occurrence; none is left to skip. A new schedule makes it active again.`;
  throw new SchedulerError('completed', message);
}

/** The compiled schedule of a job that has occurrences left. */
async function requireOccurrences(transaction: Database, job: JobRow, now: Date): Promise<CompiledSchedule> {
  refuseCompleted(job);
  const compiled = tryCompile(job.schedule, now.getTime());
  const { maxRuns } = job.schedule;
  if (!compiled) {
    const message = 'this version of the service cannot evaluate the schedule of the job';
    throw invalid([{ path: '', code: 'unknown_schedule', message }]);
  }
  if (maxRuns === undefined || !isUsedUp(await countRunsSoFar(transaction, job.id), maxRuns)) return compiled;
  const message = `the job has had all ${maxRuns} of its runs (maxRuns); no occurrence is left to skip`;
  throw invalid([{ path: '', code: 'no_occurrence', message }]);
}

/** The next occurrences of a job that are not skipped yet: those that would start. */
async function chooseNext(
  transaction: Database,
  job: JobRow,
  compiled: CompiledSchedule,
  next: number,
  now: Date,
): Promise<Set<number>> {
  if (job.state === 'paused' && job.paused_until === null) {
    const message =
      'the job is paused without an end, so its next occurrence is not known; name occurrences with "at", or resume it first';
    throw invalid([{ path: 'next', code: 'paused', message }]);
  }
  const until = job.state === 'paused' && job.paused_until ? lastOfPause(job.paused_until) : now;
  const after = Math.max(now.getTime(), until.getTime());
  const candidates = occurrences(compiled, after, next + AHEAD);
  const started = await listStarted(transaction, job, candidates);
  const left = candidates.filter((instant) => !started.has(instant)).slice(0, next);
  if (left.length === next) return new Set(left);
  const are =
    left.length === 0
      ? 'none is'
      : `${left.length} ${left.length === 1 ? 'is' : 'are'}: ${listInstants(left)}`;
  const message = `of the occurrences that the job has left and that are not skipped, ${are}`;
  throw invalid([{ path: 'next', code: 'too_few', message }]);
}

/** The occurrences at some instants. */
async function chooseNamed(
  transaction: Database,
  job: JobRow,
  compiled: CompiledSchedule,
  at: string | string[],
  now: Date,
): Promise<Set<number>> {
  const named = byPath(at);
  const isOccurrence = prepareIsOccurrence(compiled);
  const started = await listStarted(
    transaction,
    job,
    named.map(({ instant }) => instant),
  );
  let isFirst = true;
  const faults = named.flatMap(({ path, text, instant }): FieldError[] => {
    if (instant <= now.getTime()) return [inThePast(path, text, now)];
    if (!isOccurrence(instant)) {
      // Finding the nearest ones can take milliseconds.
      const near = isFirst ? `; ${describeNearest(compiled, instant, now)}` : '';
      isFirst = false;
      return [{ path, code: 'not_an_occurrence', message: `${text} is no occurrence of the job${near}` }];
    }
    if (!started.has(instant)) return [];
    return [{ path, code: 'already_started', message: `the occurrence at ${text} has started already` }];
  });
  if (faults.length > 0) throw invalid(faults);
  return new Set(named.map(({ instant }) => instant));
}

const inThePast = (path: string, text: string, now: Date): FieldError => ({
  path,
  code: 'in_the_past',
  message: `${text} has passed; it is now ${toInstant(now.getTime())}`,
});

function describeNearest(compiled: CompiledSchedule, instant: number, now: Date): string {
  const all = includingSkipped(compiled);
  const until = { ...all, endAt: Math.min(all.endAt ?? Infinity, instant - 1) };
  const before = lastOccurrence(until, now.getTime());
  const near = [...(before === undefined ? [] : [before]), ...occurrences(all, instant, 1)];
  if (near.length === 0) return 'it has none after now';
  return `the nearest ${near.length === 1 ? 'is' : 'are'} ${near.map(toInstant).join(' and ')}`;
}

/** Those of these instants for which a run is recorded. */
async function listStarted(transaction: Database, job: JobRow, instants: number[]): Promise<Set<number>> {
  const idOf = (instant: number) => runIdOfOccurrence(job.id, new Date(instant));
  const known = await listKnownRuns(transaction, instants.map(idOf));
  return new Set(instants.filter((instant) => known.has(idOf(instant))));
}

const byPath = (at: string | string[]) =>
  (Array.isArray(at) ? at : [at]).map((text, index) => ({
    path: Array.isArray(at) ? `at[${index}]` : 'at',
    text,
    instant: Date.parse(text),
  }));
