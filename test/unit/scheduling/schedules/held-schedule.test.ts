import { describe, expect, test } from '@jest/globals';
import {
  compareFields,
  listedHashOf,
  toHeldSchedule,
} from '../../../../scheduling/schedules/held-schedule.ts';
import type { Schedule } from '../../../../scheduling/temporal/raw-schedules.ts';

/** A 64-bit integer, as protobufjs decodes it. */
const long = (value: number) => ({ low: value, high: 0, unsigned: false, toString: () => String(value) });
const text = (value: string) => Buffer.from(value);
const scheduleWith = (more: object = {}) =>
  ({
    spec: { interval: [{ interval: { seconds: long(3_600), nanos: 0 }, phase: { seconds: long(0) } }] },
    action: {
      startWorkflow: {
        taskQueue: { name: 'scheduler', kind: 1 },
        input: { payloads: [{ metadata: { encoding: text('json/plain') }, data: text('{"jobId":"a"}') }] },
      },
    },
    state: { notes: 'generation 1', paused: false, limitedActions: true, remainingActions: long(3) },
    ...more,
  }) as unknown as Schedule;
const hashWith = (more: object) => toHeldSchedule(scheduleWith(more)).hash;

describe('a schedule that Temporal holds', () => {
  test('is the same with defaults that are left out, and with fields in another order', () => {
    const { hash } = toHeldSchedule(scheduleWith());
    expect(
      hashWith({
        state: { remainingActions: long(3), limitedActions: true, notes: 'generation 1' },
        spec: {
          interval: [{ interval: { seconds: long(3_600) } }],
          structuredCalendar: [],
          timezoneName: '',
        },
        policies: {},
      }),
    ).toBe(hash);
  });

  test('is the same whatever Temporal has counted down to', () => {
    const { hash } = toHeldSchedule(scheduleWith());
    const state = { notes: 'generation 1', limitedActions: true };
    expect(hashWith({ state: { ...state, remainingActions: long(1) } })).toBe(hash);
    expect(hashWith({ state: { ...state, limitedActions: false } })).not.toBe(hash);
  });

  test('differs by any field, also one that this version does not know', () => {
    const { hash } = toHeldSchedule(scheduleWith());
    for (const more of [
      { policies: { pauseOnFailure: true } },
      { spec: { interval: [{ interval: { seconds: long(2) } }] } },
      { action: { startWorkflow: { taskQueue: { name: 'scheduler', kind: 1 } } } },
      { action: { startActivity: {} }, laterField: { on: true } },
    ])
      expect(hashWith(more)).not.toBe(hash);
  });

  test('is listed with the first entries of its spec', () => {
    const calendars = Array.from({ length: 12 }, (_, hour) => ({
      hour: [{ start: hour, end: hour, step: 1 }],
    }));
    const listed = (entries: object[], notes = 'generation 1') =>
      listedHashOf({ info: { spec: { structuredCalendar: entries }, notes } });
    const { listedHash } = toHeldSchedule({
      spec: { structuredCalendar: calendars },
      state: { notes: 'generation 1' },
    });
    expect(listed(calendars.slice(0, 10))).toBe(listedHash);
    expect(listed(calendars)).toBe(listedHash);
    expect(listed(calendars.slice(0, 9))).not.toBe(listedHash);
    expect(listed(calendars, 'generation 2')).not.toBe(listedHash);
  });
});

describe('the drift of a schedule', () => {
  const driftTo = (more: object) =>
    compareFields(toHeldSchedule(scheduleWith(more)).fields, toHeldSchedule(scheduleWith()).fields);

  test('names each field, with what was found and what was restored', () => {
    expect(
      driftTo({ policies: { overlapPolicy: 6 }, state: { notes: 'mine', limitedActions: true } }),
    ).toEqual([
      { field: 'policies.overlapPolicy', found: '6', restored: null },
      { field: 'state.notes', found: 'mine', restored: 'generation 1' },
      { field: 'state.remainingActions', found: null, restored: '3' },
    ]);
  });

  test('shows no payloads, which may hold anything, and cuts long texts', () => {
    const startWorkflow = {
      input: { payloads: [{ data: text('"a password"') }] },
      header: { fields: { token: { data: text('"a password"') } } },
      taskQueue: { name: 'q'.repeat(1_000), kind: 1 },
    };
    const drift = driftTo({ action: { startWorkflow } });
    expect(drift.map(({ field }) => field)).toEqual(['action.header', 'action.input', 'action.taskQueue']);
    expect(JSON.stringify(drift)).not.toContain(text('"a password"').toString('base64'));
    for (const { found } of drift) expect((found ?? '').length).toBeLessThanOrEqual(201);
  });
});
