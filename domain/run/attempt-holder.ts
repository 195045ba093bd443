import type { Attempt, RecordedAttempt } from './run.ts';

/** Who makes an attempt of a run. A later holder makes it again, and then the earlier one records nothing. */
export interface AttemptHolder {
  /** The fencing token of the attempt: it grows with each attempt under one concurrency key. */
  token: number;
  /** Of the attempt. */
  number: number;
  /** RFC 3339. */
  startedAt: string;
  /** The workflow run of which the holder is an activity. */
  temporalRunId: string;
  /** A workflow or an activity of the user makes the attempt. */
  isDelegated: boolean;
}

/** A call whose holder was stopped or lost before it recorded what became of it. */
export interface LostCall extends Pick<AttemptHolder, 'token' | 'number' | 'startedAt'> {
  /** RFC 3339. When the attempt was begun again. */
  endedAt: string;
  /** What its holder reported after that. */
  report?: RecordedAttempt;
}

/** Whether an attempt of an open run was begun that is not on record. `IS_CALL_IN_FLIGHT` of db/rules.ts. Pure. */
export const isCallInFlight = (run: {
  ended_at: Date | null;
  attempts: unknown[];
  holder: AttemptHolder | null;
}): boolean => run.ended_at === null && run.holder?.number === run.attempts.length + 1;

const LOST =
  'the worker was stopped or lost before it recorded what became of the call; the call was made again';

/** A call as it is shown, without its duration. */
export type Call = Omit<Attempt, 'durationMs' | 'retryAt'> & Partial<Pick<Attempt, 'retryAt'>>;

/** The calls of a run in order: its attempts, and before each the lost calls that it repeats. Pure. */
export const listCalls = (run: { attempts: RecordedAttempt[]; lost_calls: LostCall[] }): Call[] =>
  [...run.lost_calls.map(describeLostCall), ...run.attempts].sort((a, b) => a.number - b.number);

function describeLostCall({ number, startedAt, endedAt, report }: LostCall): Call {
  const later =
    report && `; it reported later: ${report.outcome}${report.error === null ? '' : `, ${report.error}`}`;
  return {
    number,
    startedAt,
    endedAt: report?.endedAt ?? endedAt,
    outcome: 'lost',
    statusCode: report?.statusCode ?? null,
    error: `${LOST}${later ?? ''}`,
    responseExcerpt: report?.responseExcerpt ?? null,
    retryAt: endedAt,
  };
}
