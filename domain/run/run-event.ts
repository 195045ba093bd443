import { z } from 'zod';
import { Instant } from '../instant.ts';
import { Attempt, RunOccurrences, Trigger, type RecordedAttempt, type Run } from './run.ts';
import { ReasonCode } from './reasons.ts';
import { RunState } from './run-state.ts';

/** Something that became of a run: it was queued, began, made an attempt, waits for something, ended; or stands for more. */
export const RunEvent = z
  .strictObject({
    at: Instant,
    runId: z.uuid(),
    jobId: z.uuid(),
    trigger: Trigger,
    scheduledAt: Instant,
    state: RunState.meta({ description: 'Of the run, since this event.' }),
    reason: z.string().nullable().meta({
      description: 'Why a run failed, was ended or did not become one; of an open run, what it waits for.',
    }),
    reasonCode: ReasonCode.nullable().meta({
      description: 'The reason as a code, which stays when its words change.',
    }),
    cancelRequestedAt: Instant.nullable(),
    occurrences: RunOccurrences.nullable().meta({
      description: 'Of a run with the reason `paused`: what it stands for by now; null for any other run.',
    }),
    attempts: z.int().meta({ description: 'How many attempts the run has made.' }),
    lastAttempt: Attempt.pick({ number: true, outcome: true, statusCode: true, error: true, retryAt: true })
      .nullable()
      .meta({ description: 'The last of them.' }),
  })
  .meta({
    id: 'RunEvent',
    description:
      'Something that became of a run, and how the run then stood: the `data` of an event of the type `run`.',
    example: {
      at: '2026-11-23T08:00:00.310Z',
      runId: '5f1c1b0e-6f0e-5b39-9d3c-2a53c3c2b8ad',
      jobId: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
      trigger: 'schedule',
      scheduledAt: '2026-11-23T08:00:00Z',
      state: 'succeeded',
      reason: null,
      reasonCode: null,
      cancelRequestedAt: null,
      occurrences: null,
      attempts: 1,
      lastAttempt: { number: 1, outcome: 'succeeded', statusCode: 200, error: null, retryAt: null },
    },
  });
export type RunEvent = z.infer<typeof RunEvent>;

/** Says that events before the next one are not kept any more. */
export const RunGap = z
  .strictObject({
    message: z.string().meta({ description: 'From where on events are missing, and what to do.' }),
  })
  .meta({
    id: 'RunGap',
    description:
      'Events after the one that the client had are not kept any more, or it names one that there never was: the `data` of an event of the type `gap`.',
    example: {
      message: 'events after 4711 are not kept any more; GET /runs tells what became of the runs meanwhile',
    },
  });
export type RunGap = z.infer<typeof RunGap>;

/** What is stored of an event: how the run stood, its times as PostgreSQL writes them. */
export interface RecordedRunEvent extends Pick<Run, 'trigger' | 'scheduledAt' | 'state' | 'reason'> {
  cancelRequestedAt: string | null;
  /** Missing from events of earlier versions. */
  reasonCode?: string | null;
  /** Missing from events of earlier versions. */
  occurrences?: RunOccurrences | null;
  attempts: number;
  lastAttempt: RecordedAttempt | null;
}
