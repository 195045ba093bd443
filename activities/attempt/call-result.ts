import type { RunJobResult } from '../../domain/run/workflow-contract.ts';
import type { MadeCall } from './in-flight-calls.ts';
import type { EndedAttempt } from './ended-attempt.ts';
import { settle } from './record-end.ts';

/** A run that goes on in another activity: after a while, if its first call is to be made again. */
export interface RunGoesOn {
  state: 'goesOn';
  delayMs: number;
  /** Where the end of its first call is to be fetched, which takes longer. */
  taskQueue?: string;
  /** A call that was made and could not be recorded. */
  made?: EndedAttempt;
}

/** What the first call of a run answers to its workflow. @throws ApplicationFailure if the run failed with it */
export function toResult(runId: string, { made, end, isRecorded }: MadeCall): RunJobResult | RunGoesOn {
  if (!isRecorded) return { state: 'goesOn', delayMs: 0, made };
  if (end) return settle({ id: runId, attempts: [made.attempt], ...end });
  return { state: 'goesOn', delayMs: made.retryDelayMs };
}
