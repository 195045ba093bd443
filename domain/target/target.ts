import { z } from 'zod';
import { HttpTarget, StoredHttpTarget } from './http-target.ts';
import { ActivityTarget, WorkflowTarget } from './temporal-target.ts';

/** What a job does when it fires, as its author gives it. */
export const Target = z
  .discriminatedUnion('type', [HttpTarget, WorkflowTarget, ActivityTarget])
  .meta({ id: 'Target' });
export type Target = z.infer<typeof Target>;

/** The same as it is stored and answered. */
export const StoredTarget = z
  .discriminatedUnion('type', [StoredHttpTarget, WorkflowTarget, ActivityTarget])
  .meta({ id: 'StoredTarget' });
export type StoredTarget = z.infer<typeof StoredTarget>;
