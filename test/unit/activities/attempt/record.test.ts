import { describe, expect, test } from '@jest/globals';
import {
  endAfter,
  endByDeadline,
  toResult,
  type AttemptOutcome,
} from '../../../../activities/attempt/record.ts';
import { Retry } from '../../../../domain/target/retry.ts';

const endedAt = new Date('2026-03-01T12:00:00.500Z');
const deadline = { at: new Date('2026-03-01T12:00:06Z'), timeoutMs: 6_000 };
const outcome = (more: Partial<AttemptOutcome> = {}): AttemptOutcome => ({
  number: 1,
  startedAt: new Date('2026-03-01T12:00:00Z'),
  endedAt,
  verdict: 'retryable',
  statusCode: 503,
  error: 'the target answered 503',
  responseExcerpt: null,
  ...more,
});
const retry = (initialInterval: string, more: object = {}) =>
  Retry.parse({ initialInterval, maxInterval: '1d', ...more });

describe('an attempt whose run has a deadline', () => {
  test.each<[string, Retry, Partial<AttemptOutcome>, string]>([
    ['waits longer than that', retry('10s'), {}, '10s'],
    ['waits exactly as long', retry('5500ms'), {}, '5s500ms'],
    ['is asked by its target to wait longer', retry('1s'), { retryAfterMs: 60_000 }, '1m'],
    ['has come to a long wait', retry('1s'), { number: 4 }, '8s'],
    ['broke off without a status', retry('1h'), { statusCode: null, error: 'ECONNRESET' }, '1h'],
  ])('is the last one if it %s', (_, rules, more, wait) => {
    const result = toResult(outcome(more), { retry: rules, deadline });
    expect(result.attempt).toMatchObject({ outcome: 'failed', retryAt: null });
    expect(result.timedOut).toBe(
      `${more.error ?? 'the target answered 503'}; the next attempt, ${wait} later, would come after the timeout of the run, 6s`,
    );
  });

  test('is followed by another one that comes before it', () => {
    const result = toResult(outcome(), { retry: retry('5499ms'), deadline });
    expect(result).toMatchObject({ attempt: { retryAt: '2026-03-01T12:00:05.999Z' }, retryDelayMs: 5_499 });
    expect(result.timedOut).toBeUndefined();
  });

  test.each<[string, Partial<AttemptOutcome>]>([
    ['was the last one anyway', { number: 5 }],
    ['is final', { verdict: 'final' }],
    ['succeeded', { verdict: 'succeeded', error: null }],
    ['was cancelled', { verdict: 'cancelled' }],
  ])('does not time out if it %s', (_, more) =>
    expect(toResult(outcome(more), { retry: retry('1h'), deadline }).timedOut).toBeUndefined(),
  );

  test('without a deadline waits as long as it likes', () =>
    expect(toResult(outcome(), { retry: retry('1d'), deadline: undefined }).attempt.retryAt).toBe(
      '2026-03-02T12:00:00.500Z',
    ));
});

describe('a run that goes on', () => {
  const [attempt] = [toResult(outcome(), { retry: retry('10s'), deadline: undefined }).attempt];
  test('is over at its deadline, and not before', () => {
    expect(endByDeadline({ deadline, attempts: [] }, deadline.at.getTime() - 1)).toBeUndefined();
    expect(endByDeadline({ deadline, attempts: [] }, deadline.at.getTime())).toEqual({
      state: 'timedOut',
      reason: 'it took longer than its timeout of 6s',
      reasonCode: 'timeoutReached',
    });
    expect(endByDeadline({ deadline: undefined, attempts: [] }, Infinity)).toBeUndefined();
  });

  test('is over at once if an older version promised an attempt after its deadline', () =>
    expect(endByDeadline({ deadline, attempts: [attempt] }, endedAt.getTime())).toEqual({
      state: 'timedOut',
      reason:
        'the target answered 503; the next attempt, 10s later, would come after the timeout of the run, 6s',
      reasonCode: 'nextAttemptTooLate',
    }));
});

describe('an attempt ends its run', () => {
  const endOf = (more: Partial<AttemptOutcome>, rules = retry('10s'), by?: typeof deadline) =>
    endAfter(toResult(outcome(more), { retry: rules, deadline: by }));
  test.each<[string, ReturnType<typeof endOf>, object]>([
    ['as succeeded', endOf({ verdict: 'succeeded', error: null }), { state: 'succeeded', reason: null }],
    [
      'as failed, if it is final',
      endOf({ verdict: 'final' }),
      { state: 'failed', reasonCode: 'attemptFailed' },
    ],
    [
      'as failed, if it was the last one',
      endOf({ number: 5 }),
      { state: 'failed', reason: 'the target answered 503' },
    ],
    [
      'as cancelled',
      endOf({ verdict: 'cancelled', error: 'x' }),
      { state: 'cancelled', reasonCode: 'cancelled', reason: 'x' },
    ],
    [
      'at its deadline',
      endOf({ verdict: 'timedOut' }, retry('1s'), deadline),
      { state: 'timedOut', reasonCode: 'timeoutReached' },
    ],
    [
      'if the next one came too late',
      endOf({}, retry('10s'), deadline),
      { state: 'timedOut', reasonCode: 'nextAttemptTooLate' },
    ],
  ])('%s', (_, end, expected) => expect(end).toMatchObject(expected));

  test('unless another one follows', () => expect(endOf({})).toBeUndefined());

  test('unless Temporal closed its workflow: then the reconciler finds out how it ended', () => {
    const result = toResult(outcome({ verdict: 'cancelled' }), { retry: retry('10s'), deadline: undefined });
    expect(endAfter({ ...result, isClosedInTemporal: true })).toBeUndefined();
  });
});
