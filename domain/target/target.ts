import { z } from 'zod';
import { HttpTarget, StoredHttpTarget } from './http-target.ts';
import { ActivityTarget, WorkflowTarget } from './temporal-target.ts';

/**
 * What a run calls, in requests. A new kind of target begins here: see "To add X, change Y" in CONTRIBUTING.md for
 * the other places.
 */
export const Target = z
  .discriminatedUnion('type', [HttpTarget, WorkflowTarget, ActivityTarget])
  .meta({ id: 'Target' });
export type Target = z.infer<typeof Target>;

/** The same as stored and in responses, without secrets. */
export const StoredTarget = z
  .discriminatedUnion('type', [StoredHttpTarget, WorkflowTarget, ActivityTarget])
  .meta({ id: 'StoredTarget' });
export type StoredTarget = z.infer<typeof StoredTarget>;
