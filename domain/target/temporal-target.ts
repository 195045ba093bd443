import { z } from 'zod';
import { durationSchema } from '../duration.ts';
import { singleLine } from '../text.ts';
import { DAY_MS, SECOND_MS } from '../milliseconds.ts';
import { describeUnknownPlaceholders, findUnknownPlaceholders } from './placeholder.ts';

// Targets that are the user's own: a Temporal workflow or activity, in any language, on a task queue of the user's.

const MAX_NAME_BYTES = 1_000;

/** A name in Temporal, as its server takes them. */
const TemporalName = singleLine(MAX_NAME_BYTES)
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= MAX_NAME_BYTES, {
    error: `must be at most ${MAX_NAME_BYTES} bytes long`,
  });

/** Temporal keeps task queues of its own, for its system workflows and for the caches of workers. */
const TaskQueue = TemporalName.regex(/^(?!temporal-sys-|\/_sys\/)/, {
  error: 'this task queue belongs to Temporal itself; name the one that your worker polls',
}).meta({ description: 'The task queue that your own worker polls.', example: 'reports' });

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
      'The arguments, as JSON. `{{scheduledAt}}`, `{{jobId}}`, `{{runId}}` and `{{attempt}}` in their texts are filled in. Operators see them in the Temporal Web UI: put no secrets here.',
    example: [{ report: 'weekly', run: '{{runId}}' }],
  });

/** A workflow of the user's own. */
export const WorkflowTarget = z
  .strictObject({
    type: z.literal('workflow'),
    workflowType: TemporalName.meta({
      description: 'Its name, as its worker registers it.',
      example: 'makeReport',
    }),
    taskQueue: TaskQueue,
    args: Args,
    timeout: durationSchema({ minMs: SECOND_MS, maxMs: 365 * DAY_MS })
      .optional()
      .meta({
        description: 'Of one attempt; left out, a workflow may take as long as it likes.',
        example: '1h',
      }),
  })
  .meta({
    id: 'WorkflowTarget',
    description:
      'A Temporal workflow of your own, in any language, run as a child of the run. An attempt is one execution of it.',
  });
export type WorkflowTarget = z.infer<typeof WorkflowTarget>;

/** An activity of the user's own. */
export const ActivityTarget = z
  .strictObject({
    type: z.literal('activity'),
    activityType: TemporalName.meta({
      description: 'Its name, as its worker registers it.',
      example: 'sendReport',
    }),
    taskQueue: TaskQueue,
    args: Args,
    timeout: durationSchema({ minMs: SECOND_MS, maxMs: 30 * DAY_MS })
      .default('10m')
      .meta({
        description:
          'Of one attempt, from when a worker takes it. What a dead worker had begun is noticed then.',
        example: '10m',
      }),
    heartbeatTimeout: durationSchema({ minMs: SECOND_MS, maxMs: DAY_MS }).optional().meta({
      description: 'For an activity that sends heartbeats: a dead worker is noticed after so long a silence.',
      example: '30s',
    }),
  })
  .meta({
    id: 'ActivityTarget',
    description: 'A Temporal activity of your own, in any language. An attempt is one execution of it.',
  });
export type ActivityTarget = z.infer<typeof ActivityTarget>;
