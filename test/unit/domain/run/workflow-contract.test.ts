import { expect, test } from '@jest/globals';
import {
  decodeStep,
  encodeStep,
  type AttemptResult,
  type NextStep,
  type StepOnWire,
} from '../../../../domain/run/workflow-contract.ts';

const runId = '5f1c1b0e-6f0e-5b39-9d3c-2a53c3c2b8ad';
const attempt = {
  number: 1,
  kind: 'workflow' as const,
  name: 'report',
  taskQueue: 'reports',
  args: ['x'],
  workflowId: 'scheduler-target-1',
};
const unrecorded: AttemptResult = {
  attempt: {
    number: 1,
    startedAt: '2026-03-01T12:00:00.000Z',
    endedAt: '2026-03-01T12:00:00.500Z',
    outcome: 'succeeded',
    statusCode: 200,
    error: null,
    responseExcerpt: 'ok',
    retryAt: null,
  },
  retryDelayMs: 1_000,
};

// What stands in histories, and what workers of older versions send and understand.
const STEPS: [NextStep, 'goesOn' | 'retrying', StepOnWire][] = [
  [{ next: 'done', result: { runId, state: 'succeeded' } }, 'goesOn', { runId, state: 'succeeded' }],
  [{ next: 'done', result: { runId, state: 'skipped' } }, 'retrying', { runId, state: 'skipped' }],
  [{ next: 'retry', delayMs: 0 }, 'goesOn', { state: 'goesOn', delayMs: 0 }],
  [{ next: 'retry', delayMs: 1_000 }, 'goesOn', { state: 'goesOn', delayMs: 1_000 }],
  [{ next: 'retry', delayMs: 0, unrecorded }, 'goesOn', { state: 'goesOn', delayMs: 0, made: unrecorded }],
  [{ next: 'retry', delayMs: 200 }, 'retrying', { runId, state: 'retrying', delayMs: 200 }],
  [{ next: 'waitForPermit', waitMs: 312 }, 'goesOn', { runId, state: 'waiting', waitMs: 312 }],
  [{ next: 'attach', taskQueue: 'q' }, 'goesOn', { state: 'goesOn', delayMs: 0, taskQueue: 'q' }],
];

test.each(STEPS)('%j is understood by workers of every version', (step, retryState, onWire) => {
  expect(encodeStep(runId, step, retryState)).toEqual(onWire);
  expect(decodeStep(onWire)).toEqual(step);
});

test('a delegated attempt is understood by workers of every version', () => {
  const onWire: StepOnWire = { runId, state: 'handedOver', ...attempt };
  expect(encodeStep(runId, { next: 'delegate', attempt }, 'goesOn')).toEqual(onWire);
  expect(decodeStep(onWire)).toMatchObject({ next: 'delegate', attempt });
});

test('the cause of a retry stays out of histories', () => {
  const step: NextStep = {
    next: 'retry',
    delayMs: 5,
    cause: { type: 'AttemptFailed', message: 'attempt 1' },
  };
  expect(encodeStep(runId, step, 'retrying')).toEqual({ runId, state: 'retrying', delayMs: 5 });
  expect(encodeStep(runId, step, 'goesOn')).toEqual({ state: 'goesOn', delayMs: 5 });
});

test('after a delegated attempt there is always a timer, as in the histories of older versions', () =>
  expect(decodeStep({ runId, state: 'retrying', delayMs: 0 })).toEqual({ next: 'retry', delayMs: 1 }));
