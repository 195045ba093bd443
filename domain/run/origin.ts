import type { Trigger } from './run.ts';

/** The request that something comes from: the latest change of a job, or a run that was asked for. */
export interface Origin {
  requestId: string;
  /** W3C Trace Context of the request, if it was traced. */
  traceparent?: string;
}

/** The trace of a run, unless it is part of that of the request that asked for it. Pure. */
export const traceIdOf = (runId: string): string => runId.replaceAll('-', '');

const ASKED_FOR: readonly Trigger[] = ['manual', 'retry', 'backfill'];

/** Whether runs with this trigger are there because a request asked for them; the others come from their job. Pure. */
export const isAskedFor = (trigger: Trigger): boolean => ASKED_FOR.includes(trigger);
