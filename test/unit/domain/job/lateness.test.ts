import { describe, expect, test } from '@jest/globals';
import {
  judgeLateness,
  nextJudgmentAt,
  type JudgedOccurrence,
  type LatenessFacts,
} from '../../../../domain/job/lateness.ts';
import { toInstant } from '../../../../domain/instant.ts';

const M = 60_000;
const T0 = Date.parse('2026-11-23T08:00:00Z');
/** Minutes after T0. */
const at = (minutes: number) => T0 + minutes * M;

const occurrence = (
  minutes: number,
  state: JudgedOccurrence['state'],
  started: number | null = null,
  ended: number | null = null,
  reasonCode: string | null = null,
): JudgedOccurrence => ({
  scheduledAt: at(minutes),
  startedAt: started === null ? null : at(started),
  endedAt: ended === null ? null : at(ended),
  state,
  reasonCode,
});

const facts = (more: Partial<LatenessFacts>): LatenessFacts => ({
  conditions: { startWithin: 5 * M },
  jitterMs: 0,
  now: at(10),
  judgedTo: at(0),
  watchedSince: at(-60),
  occurrences: [],
  lastSuccessAt: null,
  late: null,
  ...more,
});
const skipped = (minutes: number, reasonCode = 'overlap') =>
  occurrence(minutes, 'skipped', null, minutes, reasonCode);

describe('a job becomes late', () => {
  test.each<[string, Partial<LatenessFacts>, [string, number, number | null] | null]>([
    ['not started', { occurrences: [occurrence(1, 'queued')] }, ['startWithin', 6, 1]],
    ['started too late', { occurrences: [occurrence(1, 'running', 7)] }, ['startWithin', 6, 1]],
    ['missed', { occurrences: [occurrence(1, 'missed', null, 2)] }, ['startWithin', 6, 1]],
    ['started in time', { occurrences: [occurrence(1, 'running', 6)] }, null],
    ['not yet', { occurrences: [occurrence(6, 'queued')] }, null],
    ['not yet, with jitter', { occurrences: [occurrence(1, 'queued')], jitterMs: 5 * M }, null],
    ['judged before', { occurrences: [occurrence(1, 'queued')], judgedTo: at(6) }, null],
    ['due before it was watched', { occurrences: [occurrence(1, 'queued')], watchedSince: at(1) }, null],
    ['skipped', { occurrences: [skipped(1, 'paused'), skipped(2, 'skippedByRequest'), skipped(3)] }, null],
    ['cancelled before it began', { occurrences: [occurrence(1, 'cancelled', null, 2)] }, null],
    [
      'the later one is on time already',
      { occurrences: [occurrence(1, 'queued'), occurrence(6, 'succeeded', 6, 6)] },
      ['startWithin', 6, 1],
    ],
    [
      'not ended',
      { conditions: { finishWithin: 5 * M }, occurrences: [occurrence(1, 'running', 1)] },
      ['finishWithin', 6, 1],
    ],
    [
      'failed in time',
      { conditions: { finishWithin: 5 * M }, occurrences: [occurrence(1, 'failed', 1, 2)] },
      null,
    ],
    ['never a success', { conditions: { noSuccessFor: 65 * M } }, ['noSuccessFor', 5, null]],
    ['a success', { conditions: { noSuccessFor: 65 * M }, lastSuccessAt: at(-50) }, null],
    [
      'skipped in a row, others between',
      {
        conditions: { skippedInARow: 2 },
        occurrences: [skipped(1), skipped(2, 'paused'), occurrence(3, 'missed', null, 4)],
      },
      ['skippedInARow', 4, 3],
    ],
    [
      'skipped, but not in a row',
      {
        conditions: { skippedInARow: 2 },
        occurrences: [skipped(1), occurrence(2, 'failed', 2, 2), skipped(3)],
      },
      null,
    ],
  ])('%s', (_, more, expected) => {
    const late = judgeLateness(facts(more));
    expect(late).toEqual(
      expected && {
        condition: expected[0],
        since: toInstant(at(expected[1])),
        scheduledAt: expected[2] === null ? null : toInstant(at(expected[2])),
      },
    );
  });
});

describe('a job that is late', () => {
  const late = { condition: 'startWithin' as const, since: toInstant(at(1)), scheduledAt: toInstant(at(-4)) };
  const silent = { condition: 'noSuccessFor' as const, since: toInstant(at(1)), scheduledAt: null };
  test.each<[string, Partial<LatenessFacts>, boolean]>([
    ['stays so while nothing runs', { late }, true],
    ['stays so when that occurrence runs', { late, occurrences: [occurrence(-4, 'succeeded', 2, 3)] }, true],
    ['is on time with a later one', { late, occurrences: [occurrence(2, 'running', 2)] }, false],
    ['stays so while the newest is late', { late, occurrences: [occurrence(2, 'running', 9)] }, true],
    ['is silent until a success', { late: silent, conditions: { noSuccessFor: 5 * M } }, true],
    [
      'is well with a success',
      { late: silent, conditions: { noSuccessFor: 5 * M }, lastSuccessAt: at(9) },
      false,
    ],
  ])('%s', (_, more, staysLate) => {
    const given = facts(more);
    expect(judgeLateness(given)).toEqual(staysLate ? given.late : null);
  });
});

test('a job is judged when the time of its next occurrence runs out, or its silence', () => {
  const nextAfter = (instant: number) => (instant < at(9) ? at(9) : undefined);
  expect(nextJudgmentAt(facts({}), nextAfter)).toBe(at(14) + 1);
  const silence = facts({ conditions: { noSuccessFor: 72 * M } });
  expect(nextJudgmentAt(silence, () => undefined)).toBe(at(12));
  expect(nextJudgmentAt(facts({}), () => undefined)).toBeNull();
});
