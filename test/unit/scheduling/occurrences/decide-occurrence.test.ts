import { describe, expect, test } from '@jest/globals';
import {
  decideOccurrence,
  type DueOccurrence,
} from '../../../../scheduling/occurrences/decide-occurrence.ts';

const DUE = Date.UTC(2026, 10, 22, 9);
const SECOND = 1_000;
const HOUR = 3_600_000;

/** Due ten seconds ago, before its schedule was written, with no other run. */
const decide = (more: Partial<DueOccurrence> = {}) =>
  decideOccurrence({
    scheduledAt: DUE,
    now: DUE + 10 * SECOND,
    overlap: 'skip',
    catchupWindowMs: HOUR,
    schedulePutAt: DUE + SECOND,
    job: 'active',
    skip: undefined,
    jitterMs: 0,
    wasOverlapped: false,
    wasWaitedFor: false,
    hasLater: false,
    hasOpen: false,
    isUsedUp: false,
    buffered: 0,
    ...more,
  });

const start = { kind: 'start', isOverdue: false };
const waitForSchedule = { kind: 'wait', for: 'schedule' };
const waitForRun = { kind: 'wait', for: 'run' };
const skipped = { kind: 'end', state: 'skipped' };
const missed = { kind: 'end', state: 'missed' };
const POLICIES = ['skip', 'bufferOne', 'bufferAll', 'cancelOther', 'terminateOther', 'allowAll'] as const;

describe('a due occurrence for which Temporal has no workflow', () => {
  test.each(POLICIES)('%s: is started if Temporal never will, and nothing is in its way', (overlap) => {
    expect(decide({ overlap })).toEqual(start);
    expect(decide({ overlap, schedulePutAt: undefined })).toEqual(start);
    expect(decide({ overlap, job: 'completed' })).toEqual(start);
  });

  test.each(POLICIES)('%s: is left to its schedule for a minute, and then started', (overlap) => {
    const schedulePutAt = DUE - HOUR;
    expect(decide({ overlap, schedulePutAt })).toEqual(waitForSchedule);
    expect(decide({ overlap, schedulePutAt, now: DUE + 61 * SECOND })).toEqual({
      kind: 'start',
      isOverdue: true,
    });
  });

  test.each(POLICIES)('%s: is missed beyond the catchup window, and not a moment sooner', (overlap) => {
    expect(decide({ overlap, now: DUE + HOUR })).toEqual(start);
    expect(decide({ overlap, now: DUE + HOUR + 1 })).toMatchObject(missed);
  });

  test.each(POLICIES)('%s: is skipped if the job was paused or deleted', (overlap) => {
    expect(decide({ overlap, job: 'paused' })).toMatchObject(skipped);
    expect(decide({ overlap, job: 'deleted', now: DUE + 2 * HOUR })).toMatchObject(skipped);
  });

  test.each(POLICIES)('%s: is skipped once other occurrences have had all runs of the job', (overlap) => {
    expect(decide({ overlap, isUsedUp: true })).toMatchObject({
      ...skipped,
      reason: 'maxRuns: other occurrences have had all runs of the job',
    });
    expect(decide({ overlap, isUsedUp: true, buffered: 1 })).toMatchObject(skipped);
  });

  test('skip: an overlap is the reason even if maxRuns are used up, too', () => {
    expect(decide({ isUsedUp: true, wasOverlapped: true })).toMatchObject({
      ...skipped,
      reason: 'overlap: another run was under way',
    });
  });

  test('skip: is skipped if another run was in progress when it was due, and waits for a run that began later', () => {
    expect(decide({ wasOverlapped: true })).toMatchObject(skipped);
    expect(decide({ wasOverlapped: true, now: DUE + 2 * HOUR })).toMatchObject(skipped);
    expect(decide({ hasOpen: true })).toEqual(waitForRun);
  });

  test('bufferOne: waits for the other run, and is skipped only if another one has waited', () => {
    const due = { overlap: 'bufferOne', wasOverlapped: true } as const;
    expect(decide({ ...due, buffered: 1 })).toEqual(waitForSchedule);
    expect(decide({ ...due, hasOpen: true })).toEqual(waitForRun);
    expect(decide(due)).toEqual(start);
    expect(decide({ ...due, wasWaitedFor: true })).toMatchObject(skipped);
  });

  test('a short catchup window shortens the wait for the schedule, and jitter does not make an occurrence late', () => {
    const due = { schedulePutAt: DUE - HOUR, catchupWindowMs: 20 * SECOND };
    expect(decide({ ...due, now: DUE + 10 * SECOND })).toEqual(waitForSchedule);
    expect(decide({ ...due, now: DUE + 11 * SECOND })).toEqual({ kind: 'start', isOverdue: true });
    expect(decide({ ...due, now: DUE + 21 * SECOND })).toMatchObject({ ...missed, isOverdue: true });
    expect(decide({ ...due, now: DUE + 21 * SECOND, jitterMs: 15 * SECOND })).toEqual(waitForSchedule);
  });

  test('bufferAll: waits for the other runs, however late it gets', () => {
    const late = { overlap: 'bufferAll', now: DUE + 2 * HOUR } as const;
    expect(decide({ ...late, buffered: 3 })).toEqual(waitForSchedule);
    expect(decide({ ...late, hasOpen: true })).toEqual(waitForRun);
    expect(decide({ ...late, wasOverlapped: true })).toEqual(start);
    expect(decide(late)).toMatchObject(missed);
  });

  test.each(['cancelOther', 'terminateOther'] as const)('%s: a later one takes its place', (overlap) => {
    expect(decide({ overlap, hasLater: true })).toMatchObject(skipped);
    expect(decide({ overlap, wasOverlapped: true })).toEqual(start);
  });

  test('allowAll: starts, whatever other runs there are', () => {
    expect(decide({ overlap: 'allowAll', wasOverlapped: true, hasLater: true, hasOpen: true })).toEqual(
      start,
    );
  });
});
