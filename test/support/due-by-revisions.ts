import type { Revision } from '../../domain/job/revision.ts';
import { compileSchedule } from '../../domain/schedule/compile-schedule.ts';
import { iterateOccurrences } from '../../domain/schedule/occurrences.ts';
import type { Schedule } from '../../domain/schedule/schedule.ts';

/** The instants at which a job was due, by its revisions, in milliseconds since the epoch. */
export interface DueByRevisions {
  active: number[];
  paused: number[];
  /**
   * Instants of an earlier definition at which Temporal may have started a run before it heard of a change. Such a run
   * may be on record or not.
   */
  startedMeanwhile: Set<number>;
}

/** A change reaches Temporal, and the worker that begins a run, within this time after it was answered. */
const UNTIL_EVERYBODY_KNOWS_MS = 1_500;

/**
 * Computes up to `horizon` when a job was due from its first definition and its revisions, the earliest first. Each change
 * but those by `pause.until` was answered at one of `answeredAt`; without these, nothing was started meanwhile.
 */
export function dueByRevisions(
  definition: { schedule: Schedule },
  revisions: Revision[],
  answeredAt: number[],
  horizon: number,
): DueByRevisions {
  const due: DueByRevisions = { active: [], paused: [], startedMeanwhile: new Set() };
  const answers = [...answeredAt];
  let { schedule } = definition;
  let state: 'active' | 'paused' | 'deleted' = 'active';
  let pausedUntil: string | null = null;
  let from = Date.parse(revisions[0]?.at ?? '');
  const instantsTo = (to: number) => {
    const instants: number[] = [];
    for (const instant of iterateOccurrences(compileSchedule(schedule), from)) {
      if (instant > Math.min(to, horizon)) break;
      instants.push(instant);
    }
    return instants;
  };
  const endStretch = (to: number) => {
    if (state !== 'deleted') due[state].push(...instantsTo(to));
    from = Math.max(from, to);
  };
  // A pause ends at its `until`, and an occurrence at that instant is to run.
  const endPause = () => {
    endStretch(Date.parse(pausedUntil ?? '') - 1);
    state = 'active';
    pausedUntil = null;
  };
  for (const { at, by, action, changes } of revisions.slice(1)) {
    // Whether somebody had noticed by then or not.
    if (state === 'paused' && pausedUntil !== null && Date.parse(pausedUntil) <= Date.parse(at)) endPause();
    if (by === 'pause.until') continue;
    endStretch(Date.parse(at));
    if (state === 'active')
      for (const instant of instantsTo((answers.shift() ?? -Infinity) + UNTIL_EVERYBODY_KNOWS_MS))
        due.startedMeanwhile.add(instant);
    else answers.shift();
    if (changes['schedule']) schedule = changes['schedule'].after as Schedule;
    if (action === 'paused' || action === 'resumed') state = action === 'paused' ? 'paused' : 'active';
    if (action === 'resumed') pausedUntil = null;
    if (changes['pause.until']) pausedUntil = changes['pause.until'].after as string | null;
    if (action === 'deleted') state = 'deleted';
  }
  if (state === 'paused' && pausedUntil !== null && Date.parse(pausedUntil) < horizon) endPause();
  endStretch(horizon);
  return due;
}
