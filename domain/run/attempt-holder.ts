import type { Attempt, RecordedAttempt } from './run.ts';

/** Who makes an attempt of a run. A later holder makes it again, and then the earlier one records nothing. */
export interface AttemptHolder {
  /** The fencing token of the attempt: it grows with each attempt under one concurrency key. */
  token: number;
  /** Of the attempt. */
  number: number;
  /** RFC 3339. */
  startedAt: string;
  /** The workflow run of which the holder is an activity; null if it is none. */
  temporalRunId: string | null;
  /** A workflow or an activity of the user makes the attempt. */
  isDelegated: boolean;
}

/** A call whose holder recorded nothing before the attempt was begun again, or the run ended. */
export interface LostCall extends Pick<AttemptHolder, 'token' | 'number' | 'startedAt'> {
  /** RFC 3339. When the attempt was begun again, or the run ended. */
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

const REPEATED =
  'the worker was stopped or lost before it recorded what became of the call; the call was made again';
const NOT_REPEATED = 'the run was ended before anybody had recorded what became of the call';

/** A call as it is shown, without its duration. */
export type Call = Omit<Attempt, 'durationMs' | 'retryAt'> & Partial<Pick<Attempt, 'retryAt'>>;

/** The calls of a run in order: its attempts, and before each the lost calls that it repeats. Pure. */
export function listCalls(run: {
  attempts: RecordedAttempt[];
  lost_calls: LostCall[];
  ended_at: Date | null;
}): Call[] {
  const lost = run.lost_calls.map((call, index) => {
    // Of an open run, the attempt is in progress again.
    const isRepeated =
      run.ended_at === null || index + 1 < run.lost_calls.length || call.number <= run.attempts.length;
    return describeLostCall(call, isRepeated);
  });
  return [...lost, ...run.attempts].sort((a, b) => a.number - b.number);
}

function describeLostCall({ number, startedAt, endedAt, report }: LostCall, isRepeated: boolean): Call {
  const later =
    report &&
    `; its worker reported later: ${report.outcome}${report.error === null ? '' : `, ${report.error}`}`;
  return {
    number,
    startedAt,
    endedAt: report?.endedAt ?? endedAt,
    outcome: 'lost',
    statusCode: report?.statusCode ?? null,
    error: `${isRepeated ? REPEATED : NOT_REPEATED}${later ?? ''}`,
    responseExcerpt: report?.responseExcerpt ?? null,
    retryAt: isRepeated ? endedAt : null,
  };
}
