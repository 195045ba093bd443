import { z } from 'zod';
import { HookCause, HOOKS, Lateness } from './hook-trigger.ts';
import { Instant } from '../instant.ts';
import { ReasonCode } from './reasons.ts';
import { RunState } from './run-state.ts';

/** Why a run exists. Only a `schedule` run stands for an occurrence. */
export const Trigger = z.enum(['schedule', 'manual', 'backfill', 'retry', ...HOOKS]).meta({
  id: 'Trigger',
  description:
    'A run with the trigger `onFailure`, `onRecovery`, `onLate` or `onTime` calls that hook of the job.',
});
export type Trigger = z.infer<typeof Trigger>;

/** One call of a run, or one execution of its workflow or activity. */
export const Attempt = z
  .strictObject({
    number: z.int().min(1),
    startedAt: Instant,
    endedAt: Instant,
    durationMs: z.int().min(0).meta({ description: 'From the start of the call to its end.' }),
    outcome: z.enum(['succeeded', 'failed', 'cancelled', 'timedOut', 'lost']).meta({
      description:
        '`timedOut`: the `timeout` of the job, for the whole run, ended it. One that took longer than the `timeout` of its target `failed`. `lost`: its worker was stopped or lost before it recorded how the call ended. It was made again with the same number, which `maxAttempts` does not count, unless the run ended first.',
    }),
    statusCode: z
      .int()
      .nullable()
      .meta({ description: 'Of the answer to an HTTP call; null if there was none.' }),
    error: z.string().nullable().meta({ description: 'Why the attempt failed; null if it did not.' }),
    responseExcerpt: z.string().nullable().meta({
      description:
        'The beginning of the answer as text, or of the result of a workflow or activity; secrets of the job are redacted. For an answer that is no text, or cannot be decoded, words in parentheses, such as `(4,096 bytes of image/png)`. Null if there was no answer.',
    }),
    retryAt: Instant.nullable().meta({
      description: 'When the next attempt follows, at the earliest; null if this was the last one.',
    }),
  })
  .meta({ id: 'Attempt' });
export type Attempt = z.infer<typeof Attempt>;

/** The occurrences of a job that one run stands for: those of a pause. */
export const RunOccurrences = z
  .strictObject({
    from: Instant.meta({ description: 'The first nominal time; `scheduledAt` of the run.' }),
    to: Instant.meta({ description: 'The last nominal time, so far.' }),
    count: z.int().min(1).meta({ description: 'How many there were, both of these included.' }),
  })
  .meta({
    id: 'RunOccurrences',
    description:
      'What fell due while the job was paused, and for all of which this one run stands. Grows while the pause lasts.',
  });
export type RunOccurrences = z.infer<typeof RunOccurrences>;

/** An attempt as it is stored; those of earlier versions do not know when the next one was to follow. */
export type RecordedAttempt = Omit<Attempt, 'durationMs' | 'retryAt' | 'outcome'> &
  Partial<Pick<Attempt, 'retryAt'>> & { outcome: Exclude<Attempt['outcome'], 'lost'> };

const runExample = {
  id: '5f1c1b0e-6f0e-5b39-9d3c-2a53c3c2b8ad',
  jobId: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
  jobGeneration: 1,
  trigger: 'schedule',
  scheduledAt: '2026-11-23T08:00:00Z',
  movedFrom: null,
  startedAt: '2026-11-23T08:00:00.120Z',
  endedAt: '2026-11-23T08:00:00.310Z',
  state: 'succeeded',
  reason: null,
  reasonCode: null,
  cancelRequestedAt: null,
  retryOf: null,
  cause: null,
  late: null,
  occurrences: null,
  attempts: [
    {
      number: 1,
      startedAt: '2026-11-23T08:00:00.120Z',
      endedAt: '2026-11-23T08:00:00.300Z',
      durationMs: 180,
      outcome: 'succeeded',
      statusCode: 200,
      error: null,
      responseExcerpt: 'ok',
      retryAt: null,
    },
  ],
  temporal: {
    workflowId: 'scheduler-job-019ab1c0-7e11-7cc3-98c4-dc0c0c07398f-2026-11-23T08:00:00Z',
    runId: '019ab1c1-0b5b-7d7e-8d2f-0f1e2d3c4b5a',
    url: null,
  },
};

/** One run of a job: an occurrence that came due, or a run that somebody asked for. */
export const Run = z
  .strictObject({
    id: z.uuid(),
    jobId: z.uuid(),
    jobGeneration: z.int().meta({ description: 'The generation of the job that the run was made from.' }),
    trigger: Trigger,
    scheduledAt: Instant.meta({
      description: 'The nominal time: when it was due, or when it was asked for.',
    }),
    movedFrom: z.array(z.iso.date()).nullable().meta({
      description:
        'The dates from which the business days of the schedule have moved it; several that come to one day are one run. Null if it was not moved.',
    }),
    startedAt: Instant.nullable(),
    endedAt: Instant.nullable(),
    state: RunState,
    reason: z.string().nullable().meta({
      description: 'Why a run failed, was ended or did not become one; of an open run, what it waits for.',
    }),
    reasonCode: ReasonCode.nullable().meta({
      description:
        'The reason as a code. It stays the same when the words of `reason` change; null without a reason, and for runs that an earlier version recorded.',
    }),
    cancelRequestedAt: Instant.nullable().meta({
      description: 'When somebody asked for its end; null if nobody did.',
    }),
    retryOf: z.uuid().nullable().meta({ description: 'The run that it repeats; null if it repeats none.' }),
    cause: HookCause.nullable().meta({
      description: 'Of a call of `onFailure` or `onRecovery`: why; null for any other run.',
    }),
    late: Lateness.nullable().meta({
      description: 'Of a call of `onLate` or `onTime`: why; null for any other run.',
    }),
    occurrences: RunOccurrences.nullable().meta({
      description: 'Of a run with the reason `paused`: what it stands for; null for any other run.',
    }),
    attempts: z.array(Attempt).meta({
      description:
        'Every call that was made, in order. A `lost` one stands before the one that repeats it, if there is one, with the same number.',
    }),
    temporal: z
      .strictObject({
        workflowId: z.string(),
        runId: z.string().nullable(),
        url: z.string().nullable().meta({ description: 'The run in the Temporal Web UI.' }),
      })
      .meta({ description: 'The workflow behind the run.' }),
  })
  .meta({ id: 'Run', example: runExample });
export type Run = z.infer<typeof Run>;
