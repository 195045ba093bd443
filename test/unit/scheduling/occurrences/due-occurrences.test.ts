import { describe, expect, test } from '@jest/globals';
import type { JobRow } from '../../../../db/schema.ts';
import { Schedule, type StoredSchedule } from '../../../../domain/schedule/schedule.ts';
import {
  findDue,
  isDueSince,
  materializableTo,
  nextMaterializeAt,
  pauseRecordableTo,
} from '../../../../scheduling/occurrences/due-occurrences.ts';

const NOW = new Date('2026-11-22T09:00:00Z');
const seconds = (count: number) => new Date(NOW.getTime() + count * 1_000);

/** An active job that fires every minute, is materialized up to five minutes ago, and has a schedule since an hour ago. */
const jobWith = (fields: Partial<JobRow> = {}) =>
  ({
    state: 'active',
    schedule: Schedule.parse({ every: '1m' }),
    accounted_to: seconds(-300),
    schedule_put_at: seconds(-3_600),
    paused_at: null,
    paused_until: null,
    ...fields,
  }) as JobRow;
const paused = { state: 'paused' as const, paused_at: seconds(-200) };
const jittered = { schedule: Schedule.parse({ every: '1m', jitter: '20s' }) as StoredSchedule };

describe('materializableTo', () => {
  test('leaves ten seconds, and the jitter, for a run to begin', () => {
    expect(materializableTo(jobWith(), NOW)).toEqual(seconds(-10));
    expect(materializableTo(jobWith(jittered), NOW)).toEqual(seconds(-30));
  });

  test('does not wait for occurrences before the schedule was written, which it does not start', () => {
    expect(materializableTo(jobWith({ schedule_put_at: seconds(-2) }), NOW)).toEqual(seconds(-2));
    expect(materializableTo(jobWith({ schedule_put_at: seconds(2) }), NOW)).toEqual(NOW);
    expect(materializableTo(jobWith({ schedule_put_at: null }), NOW)).toEqual(seconds(-10));
  });

  test('ends where a pause began', () => {
    expect(materializableTo(jobWith(paused), NOW)).toEqual(seconds(-200));
  });
});

describe('findDue', () => {
  test('finds the occurrences that are not materialized, the end included', () => {
    expect(findDue(jobWith(), seconds(-120))).toEqual({
      instants: [-240, -180, -120].map((count) => seconds(count).getTime()),
      materializedTo: seconds(-120),
    });
    expect(findDue(jobWith(), seconds(-301))).toEqual({ instants: [], materializedTo: seconds(-300) });
  });

  test('finds no more than one batch', () => {
    const { instants, materializedTo } = findDue(jobWith(), seconds(10_000 * 60));
    expect(instants).toHaveLength(1_000);
    expect(materializedTo.getTime()).toBe(instants.at(-1));
  });
});

test('an active job is due if it has occurrences that are not materialized', () => {
  expect(isDueSince(jobWith(), NOW)).toBe(true);
  expect(isDueSince(jobWith({ accounted_to: NOW }), seconds(59))).toBe(false);
  expect(isDueSince(jobWith(paused), NOW)).toBe(false);
});

describe('nextMaterializeAt', () => {
  test('is after the next occurrence has had time to begin, but no sooner than in 15 seconds', () => {
    expect(nextMaterializeAt(jobWith(), NOW, NOW)).toEqual(seconds(70));
    expect(nextMaterializeAt(jobWith(jittered), NOW, NOW)).toEqual(seconds(90));
    expect(nextMaterializeAt(jobWith(), seconds(-120), NOW)).toEqual(seconds(15));
  });

  test('is rarer the longer a pause is, up to an hour', () => {
    const pausedFor = (count: number) => jobWith({ ...paused, paused_at: seconds(-count) });
    expect(nextMaterializeAt(pausedFor(60), seconds(-60), NOW)).toEqual(seconds(15));
    expect(nextMaterializeAt(pausedFor(6_000), seconds(-60), NOW)).toEqual(seconds(600));
    expect(nextMaterializeAt(pausedFor(86_400), seconds(-60), NOW)).toEqual(seconds(3_600));
  });

  test('is never for a job without further occurrences', () => {
    expect(nextMaterializeAt(jobWith({ state: 'completed' }), NOW, NOW)).toBeNull();
    const over = { schedule: Schedule.parse({ at: '2026-11-22T08:00:00Z' }) as StoredSchedule };
    expect(nextMaterializeAt(jobWith(over), NOW, NOW)).toBeNull();
  });
});

test('the record of a pause ends ten seconds ago, or before the end of the pause', () => {
  expect(pauseRecordableTo(jobWith(paused), NOW)).toEqual(seconds(-10));
  const until = { ...paused, paused_until: seconds(-60) };
  expect(pauseRecordableTo(jobWith(until), NOW)).toEqual(new Date(seconds(-60).getTime() - 1));
});
