import type { Trigger } from './run.ts';

/** The request that caused the latest change of a job, or a run. */
export interface Origin {
  requestId: string;
  /** W3C Trace Context of the request, if it was traced. */
  traceparent?: string;
}

/** The trace id of a run, unless its trace continues that of the request that caused it. Pure. */
export const traceIdOf = (runId: string): string => runId.replaceAll('-', '');

const REQUESTED: readonly Trigger[] = ['manual', 'retry', 'backfill'];

/** Whether runs with this trigger are started by a request, rather than by the job. Pure. */
export const isRequested = (trigger: Trigger): boolean => REQUESTED.includes(trigger);
