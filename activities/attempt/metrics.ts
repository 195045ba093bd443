import { Counter, Histogram } from 'prom-client';
import type { BegunRun } from '../../db/runs/begin-run.ts';
import type { RunEnd } from '../../db/runs/run-progress.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { RecordedAttempt } from '../../domain/run/run.ts';
import type { MetricsRegistry } from '../../platform/metrics.ts';

/** The metrics of the runs that a worker carries out. */
export interface RunMetrics {
  /** An attempt starts. The first attempt of an occurrence tells how late the occurrence is. */
  attemptStarted: (
    run: Pick<BegunRun, 'trigger' | 'target'>,
    number: number,
    scheduledAt: Date,
    now: Date,
  ) => void;
  /** An attempt was recorded, with the end of its run if it was the last one. */
  attemptEnded: (run: BegunRun, attempt: RecordedAttempt, end: RunEnd | undefined) => void;
  /** A run ended without another attempt. */
  runEnded: (run: Pick<BegunRun, 'trigger' | 'target'>, end: RunEnd) => void;
}

const LATENESS_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];
const DURATION_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];

/** The metrics of the runs of a worker. No label names a job: there may be millions. */
export function createRunMetrics(registry: MetricsRegistry): RunMetrics {
  const registers = [registry];
  const lateness = new Histogram({
    name: 'scheduler_run_lateness_seconds',
    help: 'How long after its nominal time an occurrence began its first attempt.',
    labelNames: ['target'],
    buckets: LATENESS_SECONDS,
    registers,
  });
  const attempts = new Counter({
    name: 'scheduler_attempts_total',
    help: 'Attempts of runs, by what they came to.',
    labelNames: ['target', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'scheduler_attempt_duration_seconds',
    help: 'How long attempts of runs took.',
    labelNames: ['target'],
    buckets: DURATION_SECONDS,
    registers,
  });
  const ended = new Counter({
    name: 'scheduler_runs_ended_total',
    help: 'Runs that a worker ended, by how, and by why they existed.',
    labelNames: ['target', 'trigger', 'state'],
    registers,
  });
  const runEnded: RunMetrics['runEnded'] = ({ trigger, target }, { state }) =>
    ended.inc({ target: target.type, trigger, state });
  return {
    attemptStarted: ({ trigger, target }, number, scheduledAt, now) => {
      if (trigger !== 'schedule' || number > 1) return;
      lateness.observe(
        { target: target.type },
        Math.max(0, now.getTime() - scheduledAt.getTime()) / SECOND_MS,
      );
    },
    runEnded,
    attemptEnded: (run, { startedAt, endedAt, outcome }, end) => {
      const { target } = run;
      attempts.inc({ target: target.type, outcome });
      const elapsedMs = Date.parse(endedAt) - Date.parse(startedAt);
      duration.observe({ target: target.type }, Math.max(0, elapsedMs) / SECOND_MS);
      if (end) runEnded(run, end);
    },
  };
}
