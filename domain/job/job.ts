import { z } from 'zod';
import { durationSchema } from '../duration.ts';
import { Lateness, type HookName } from '../run/hook-trigger.ts';
import {
  storedHooks,
  hooks,
  type FailureHook,
  type LateHook,
  type OnTimeHook,
  type RecoveryHook,
} from './hook.ts';
import { Instant } from '../instant.ts';
import { JobWarning } from './job-warning.ts';
import { freeText, nameText } from '../text.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';
import { propertyNames } from '../property-names.ts';
import { Policy } from './policy.ts';
import { Retry } from '../target/retry.ts';
import { RunState } from '../run/run-state.ts';
import { Schedule, ScheduleAnswer, type StoredSchedule } from '../schedule/schedule.ts';
import { Skip } from '../schedule/skip-schema.ts';
import { Target, StoredTarget } from '../target/target.ts';

/** The most labels that a job may have. */
export const MAX_LABELS = 64;

export const JobName = nameText(200).min(1).meta({
  description: 'Unique in the namespace; stored in Unicode’s normal form NFC.',
  example: 'weekly-report',
});

export const LabelKey = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, {
  error: 'a label key has 1 to 63 letters, digits, ".", "_", "/" or "-", and begins with a letter or a digit',
});

export const LabelValue = nameText(200);

const Labels = z
  .record(LabelKey, LabelValue)
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, {
    error: `at most ${MAX_LABELS} labels are allowed`,
  })
  .meta({ ...propertyNames(LabelKey, MAX_LABELS), example: { team: 'billing' } });

export const JobState = z.enum(['active', 'paused', 'completed']).meta({ id: 'JobState' });
export type JobState = z.infer<typeof JobState>;

/** Whether the Temporal Schedule is known to match the job's row. */
export const SyncState = z.enum(['pending', 'synced', 'error']).meta({ id: 'SyncState' });
export type SyncState = z.infer<typeof SyncState>;

/** A field of a Temporal Schedule that somebody had changed. */
export const RepairedDrift = z
  .strictObject({
    field: z.string().meta({ description: 'The field, as Temporal names it.', example: 'spec.interval' }),
    found: z.string().nullable().meta({
      description: 'What Temporal held; null if it is the default, or may hold data and is not shown.',
      example: '[{"interval":{"seconds":"2"}}]',
    }),
    restored: z.string().nullable().meta({
      description: 'What it holds again; null likewise.',
      example: '[{"interval":{"seconds":"3600"}}]',
    }),
  })
  .meta({ id: 'RepairedDrift' });
export type RepairedDrift = z.infer<typeof RepairedDrift>;

const definition = {
  name: JobName,
  description: freeText(2_000).default(''),
  labels: Labels.default({}),
  schedule: Schedule,
  target: Target,
  policy: Policy.prefault({}),
  retry: Retry.prefault({}),
  timeout: durationSchema({ minMs: SECOND_MS, maxMs: 30 * DAY_MS })
    .optional()
    .meta({
      description:
        'Limits a whole run, with all attempts and the wait for a permit. By default there is none. A run whose next attempt would come too late ends at once.',
      example: '1h',
    }),
  ...hooks,
};

const exampleInput = {
  name: 'weekly-report',
  schedule: { cron: '0 9 * * MON', timeZone: 'Europe/Berlin' },
  target: { type: 'http', url: 'https://example.com/hooks/report', body: { report: 'weekly' } },
};

/** The body of a request that creates a job. */
export const JobInput = z.strictObject(definition).meta({ id: 'JobInput', example: exampleInput });
export type JobInput = z.infer<typeof JobInput>;

/** The definition of a request, with a schedule that can be evaluated. */
export type EvaluableInput = Omit<JobInput, 'schedule'> & { schedule: StoredSchedule };

/** A job's definition as stored, without secrets. */
export type StoredDefinition = Omit<EvaluableInput, 'target' | HookName> & StoredTargets;

/** A job's definition in responses, without secrets. */
export type ShownDefinition = Omit<JobInput, 'target' | HookName> & StoredTargets;

interface StoredTargets {
  target: StoredTarget;
  onFailure?: FailureHook | undefined;
  onRecovery?: RecoveryHook | undefined;
  onLate?: LateHook | undefined;
  onTime?: OnTimeHook | undefined;
}

/** A job in responses. */
export const Job = z
  .strictObject({
    id: z.uuid(),
    namespace: z.string(),
    ...definition,
    schedule: ScheduleAnswer,
    target: StoredTarget,
    ...storedHooks,
    state: JobState,
    pause: z
      .strictObject({ reason: z.string(), at: Instant, by: z.string(), until: Instant.nullable() })
      .nullable()
      .meta({ description: 'When, why and by whom the job was paused; null if it is not paused.' }),
    skips: z.array(Skip).meta({
      description: 'The occurrences yet to come that somebody asked to leave out, by their nominal times.',
    }),
    status: z.strictObject({
      nextRunAt: Instant.nullable().meta({ description: 'The next occurrence; null if there is none.' }),
      upcoming: z.array(Instant).meta({ description: 'The next occurrences, at most five.' }),
      lastRun: z
        .strictObject({ id: z.uuid(), scheduledAt: Instant, state: RunState })
        .nullable()
        .meta({ description: 'The run with the latest nominal time.' }),
      consecutiveFailures: z
        .int()
        .meta({ description: 'The number of scheduled runs that have failed since the last success.' }),
      late: Lateness.nullable().meta({
        description: 'Since when the job is late by `onLate`; null if it is not, or is not active.',
      }),
    }),
    sync: z
      .strictObject({
        state: SyncState,
        generation: z.int().meta({ description: 'Increases by one with every change of the job.' }),
        observedGeneration: z
          .int()
          .meta({ description: 'The generation that the Temporal Schedule is known to match.' }),
        error: z.string().nullable().meta({
          description:
            'Why Temporal does not accept the schedule, and when the service tries again; or why the service cannot evaluate the schedule. Null if neither is the case.',
        }),
        healedAt: Instant.nullable().meta({
          description:
            'When the service last found that somebody had changed the Temporal Schedule, and restored it; null if that never happened.',
        }),
        drift: z.array(RepairedDrift).nullable().meta({
          description: 'What had been changed then; null if nothing ever was.',
        }),
      })
      .meta({ description: 'Whether Temporal already matches the job.' }),
    createdAt: Instant,
    updatedAt: Instant,
    warnings: z.array(JobWarning).optional().meta({
      description:
        'Hints that the job may not do what its author meant; left out in lists. The schedule has warnings of its own.',
      example: [],
    }),
  })
  .meta({
    id: 'Job',
    example: {
      id: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
      namespace: 'default',
      name: 'weekly-report',
      description: '',
      labels: {},
      schedule: {
        cron: '0 9 * * MON',
        timeZone: 'Europe/Berlin',
        summary: 'At 09:00, only on Monday, Europe/Berlin',
      },
      target: {
        type: 'http',
        url: 'https://example.com/hooks/report',
        method: 'POST',
        headers: {},
        body: { report: 'weekly' },
        timeout: '30s',
        successStatus: ['200-299'],
        followRedirects: false,
      },
      policy: { overlap: 'skip', catchupWindow: '1h', onCompletion: 'keep' },
      retry: {
        maxAttempts: 5,
        initialInterval: '1s',
        backoffCoefficient: 2,
        maxInterval: '5m',
        respectRetryAfter: true,
        retryStatus: [408, 425, 429, '500-599'],
      },
      state: 'active',
      pause: null,
      skips: [],
      status: {
        nextRunAt: '2026-11-23T08:00:00Z',
        upcoming: ['2026-11-23T08:00:00Z', '2026-11-30T08:00:00Z'],
        lastRun: null,
        consecutiveFailures: 0,
        late: null,
      },
      sync: {
        state: 'synced',
        generation: 1,
        observedGeneration: 1,
        error: null,
        healedAt: null,
        drift: null,
      },
      createdAt: '2026-11-22T17:00:00.123Z',
      updatedAt: '2026-11-22T17:00:00.123Z',
    },
  });
export type Job = z.infer<typeof Job>;
