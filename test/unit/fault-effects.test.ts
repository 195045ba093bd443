import { describe, expect, test } from '@jest/globals';
import { checkOccurrences } from '../faults/check-occurrences.ts';
import type { JobHistory } from '../faults/history.ts';
import type { Traces } from '../faults/index-log.ts';
import type { FaultEffect, FaultRecord, TargetCall } from '../faults/log.ts';

// What some faults change in what the checker of the fault bench expects, and that nothing else changes.

const BEGIN = Date.UTC(2026, 0, 1);
const HORIZON = BEGIN + 100_000;
const JOB = 'job';
const at = (second: number) => BEGIN + second * 1_000;

/** Every ten seconds. */
const history: JobHistory = {
  jobId: JOB,
  traits: { target: 'http', overlap: 'allowAll', script: 'prompt', maxAttempts: 50 },
  changes: [
    {
      ...{ kind: 'create', from: BEGIN + 100, until: BEGIN + 200 },
      after: {
        ...{ exists: true, paused: false, pausedUntil: null },
        schedule: { kind: 'every', seconds: 10, offset: 0 },
      },
    },
  ],
};

const callAt = (time: number, scheduledAt: number, run: string): TargetCall => ({
  ...{ at: time, endedAt: time + 5, status: 200, job: JOB, run, key: run, scheduledAt, attempt: 1 },
});

function tracesOf(calls: TargetCall[]): Map<number, Traces> {
  const traces = new Map<number, Traces>();
  for (let instant = at(10); instant <= HORIZON; instant += 10_000)
    traces.set(instant, {
      calls: [callAt(instant + 100, instant, `run ${instant}`)],
      workflows: [],
      runs: [],
    });
  for (const call of calls) {
    const found = traces.get(call.scheduledAt) ?? { calls: [], workflows: [], runs: [] };
    traces.set(call.scheduledAt, { ...found, calls: [...found.calls, call].sort((a, b) => a.at - b.at) });
  }
  return traces;
}

const faultWith = (effect: FaultEffect): FaultRecord => ({
  ...{ number: 1, kind: 'some fault', detail: '', reached: true, effect },
  ...{ startedAt: at(50), endedAt: at(55), checkedFrom: at(55) },
  recovery: { readyAt: at(56), onTimeAt: at(56), syncedAt: at(56) },
});

const kindsOf = (calls: TargetCall[], ...effects: FaultEffect[]) =>
  checkOccurrences(history, tracesOf(calls), effects.map(faultWith), HORIZON).findings.map(
    ({ kind }) => kind,
  );

test('without a fault, nothing is found in a clean log', () => {
  expect(kindsOf([])).toEqual([]);
});

describe('writes that may be lost', () => {
  const again = (instant: number, run: string) => callAt(instant + 200, instant, run);
  const lost = { losesSince: at(40) };

  test('allow one more run of an occurrence whose record may be lost', () => {
    expect(kindsOf([again(at(50), 'again')], lost)).toEqual([]);
    expect(kindsOf([again(at(50), 'again')], {})).toEqual(['duplicate']);
  });
  test('allow no third run, and no second one of another occurrence', () => {
    expect(kindsOf([again(at(50), 'again'), again(at(50), 'and again')], lost)).toEqual(['duplicate']);
    expect(kindsOf([again(at(60), 'again')], lost)).toEqual(['duplicate']);
  });
});

describe('a clock that was ahead', () => {
  const early = (secondsEarly: number) => [callAt(at(60 - secondsEarly), at(60), `run ${at(60)}`)];

  test('allows calls as much before their time', () => {
    expect(kindsOf(early(40), { clockOffMs: 60_000 })).toEqual([]);
    expect(kindsOf(early(40), { clockOffMs: -60_000 })).toEqual(['phantom']);
    expect(kindsOf(early(40), {})).toEqual(['phantom']);
  });
});

describe('a schedule that was tampered with', () => {
  const startedAt = (instant: number): Map<number, Traces> => {
    const workflow = {
      ...{ workflowId: 'workflow', executionId: 'execution', status: 'COMPLETED', startedAt: instant },
      ...{ closedAt: instant + 50, resultState: 'skipped' },
    };
    return tracesOf([]).set(instant, { calls: [], workflows: [workflow], runs: [] });
  };
  const kindsAt = (instant: number, tampered: string[]) =>
    checkOccurrences(history, startedAt(instant), [faultWith({ tampered })], HORIZON).findings.map(
      ({ kind }) => kind,
    );

  test('may start runs that make no call, until it is healed', () => {
    expect(kindsAt(at(57), [JOB])).toEqual([]);
    expect(kindsAt(at(57), ['another job'])).toEqual(['phantom']);
    expect(kindsAt(at(92), [JOB])).toEqual(['phantom']);
  });
  test('still makes no call that is not due', () => {
    expect(kindsOf([callAt(at(57), at(57), 'phantom')], { tampered: [JOB] })).toEqual(['phantom']);
  });
});
