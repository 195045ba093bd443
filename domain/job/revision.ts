import { z } from 'zod';
import { Instant } from '../instant.ts';

export const RevisionAction = z
  .enum([
    'created',
    'changed',
    'paused',
    'resumed',
    'skipped',
    'unskipped',
    'completed',
    'deleted',
    'restored',
    'imported',
  ])
  .meta({ id: 'RevisionAction' });
export type RevisionAction = z.infer<typeof RevisionAction>;

export const RevisionChanges = z.record(
  z.string(),
  z.strictObject({ before: z.unknown().optional(), after: z.unknown().optional() }),
);
export type RevisionChanges = z.infer<typeof RevisionChanges>;

/** One change of a job: who made it, when, and what it changed. */
export const Revision = z
  .strictObject({
    generation: z.int().meta({ description: 'The generation of the job after the change.' }),
    at: Instant,
    by: z.string().meta({ description: 'Who made the change: a caller, or a rule of the job.' }),
    action: RevisionAction,
    changes: RevisionChanges.meta({
      description: 'The fields that changed, each with its value `before` and `after`.',
    }),
  })
  .meta({
    id: 'Revision',
    example: {
      generation: 2,
      at: '2026-11-22T17:00:00.123Z',
      by: 'api',
      action: 'changed',
      changes: { labels: { before: {}, after: { team: 'billing' } } },
    },
  });
export type Revision = z.infer<typeof Revision>;
