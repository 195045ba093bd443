import { z } from 'zod';
import { durationSchema } from '../duration.ts';
import { singleLine } from '../text.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';
import { describeUnknownPlaceholders, findUnknownPlaceholders } from './placeholder.ts';

// Targets of the user's own: a Temporal workflow or activity, in any language, on the user's task queue.

const MAX_NAME_BYTES = 1_000;

/** A name that Temporal's server accepts. */
const TemporalName = singleLine(MAX_NAME_BYTES)
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= MAX_NAME_BYTES, {
    error: `must be at most ${MAX_NAME_BYTES} bytes long`,
  });

/** Excludes the task queues of Temporal itself, for its system workflows and sticky caches. */
const TaskQueue = TemporalName.regex(/^(?!temporal-sys-|\/_sys\/)/, {
  error: 'this task queue belongs to Temporal itself; name the one that your worker polls',
}).meta({ description: 'The task queue that your worker polls.', example: 'reports' });

const Args = z
  .array(z.unknown())
  .max(100)
  .superRefine((args, context) => {
    const unknown = findUnknownPlaceholders(args);
    if (unknown.length > 0)
      context.addIssue({ code: 'custom', message: describeUnknownPlaceholders(unknown) });
  })
  .default([])
  .meta({
    description:
      'The arguments, as JSON. `{{scheduledAt}}`, `{{jobId}}`, `{{runId}}`, `{{attempt}}` and `{{fencingToken}}` in strings are filled in. Operators can read the arguments in the Temporal Web UI, so put no secrets here.',
    example: [{ report: 'weekly', run: '{{runId}}' }],
  });

export const WorkflowTarget = z
  .strictObject({
    type: z.literal('workflow'),
    workflowType: TemporalName.meta({
      description: 'Its name as registered with your worker.',
      example: 'makeReport',
    }),
    taskQueue: TaskQueue,
    args: Args,
    timeout: durationSchema({ minMs: SECOND_MS, maxMs: 365 * DAY_MS })
      .optional()
      .meta({
        description: 'Limits one attempt. By default there is no limit.',
        example: '1h',
      }),
  })
  .meta({
    id: 'WorkflowTarget',
    description:
      'A Temporal workflow of your own, in any language, run as a child of the run. An attempt is one execution of it.',
  });
export type WorkflowTarget = z.infer<typeof WorkflowTarget>;

export const ActivityTarget = z
  .strictObject({
    type: z.literal('activity'),
    activityType: TemporalName.meta({
      description: 'Its name as registered with your worker.',
      example: 'sendReport',
    }),
    taskQueue: TaskQueue,
    args: Args,
    timeout: durationSchema({ minMs: SECOND_MS, maxMs: 30 * DAY_MS })
      .default('10m')
      .meta({
        description:
          'Limits one attempt, from when a worker takes it. Without heartbeats, the death of a worker is noticed only then.',
        example: '10m',
      }),
    heartbeatTimeout: durationSchema({ minMs: SECOND_MS, maxMs: DAY_MS }).optional().meta({
      description:
        'For an activity that sends heartbeats: the worker is taken for dead when none arrives for this long.',
      example: '30s',
    }),
  })
  .meta({
    id: 'ActivityTarget',
    description: 'A Temporal activity of your own, in any language. An attempt is one execution of it.',
  });
export type ActivityTarget = z.infer<typeof ActivityTarget>;
