import { expect, test } from '@jest/globals';
import { findInterruption, type CallControl } from '../../../../activities/attempt/make.ts';

const control = (details?: CallControl['cancellationDetails'], isAborted = true): CallControl => ({
  cancellationSignal: isAborted ? AbortSignal.abort() : new AbortController().signal,
  cancellationDetails: details,
});
const cancelled = { cancelRequested: true, notFound: false };
const closed = { cancelRequested: false, notFound: true };

test.each<[string, CallControl, { isDeadlineOver: boolean; leftMs: number }, string | undefined]>([
  ['its run was cancelled', control(cancelled), { isDeadlineOver: false, leftMs: Infinity }, 'cancelled'],
  [
    'its run was cancelled before the deadline',
    control(cancelled),
    { isDeadlineOver: true, leftMs: 0 },
    'cancelled',
  ],
  ['the deadline is over', control(undefined, false), { isDeadlineOver: true, leftMs: 0 }, 'deadline'],
  ['the deadline is over as the worker stops', control(), { isDeadlineOver: true, leftMs: 0 }, 'deadline'],
  ['its workflow is closed', control(closed), { isDeadlineOver: false, leftMs: 60_000 }, 'closedInTemporal'],
  [
    'its workflow is closed, and has no deadline',
    control(closed),
    { isDeadlineOver: false, leftMs: Infinity },
    'closedInTemporal',
  ],
  ['Temporal timed its workflow out', control(closed), { isDeadlineOver: false, leftMs: 999 }, 'deadline'],
  ['the worker stops', control(), { isDeadlineOver: false, leftMs: Infinity }, 'worker'],
  ['the target is to blame', control(undefined, false), { isDeadlineOver: false, leftMs: 0 }, undefined],
])('a call failed because %s', (_, given, deadline, interruption) =>
  expect(findInterruption(given, deadline)).toBe(interruption),
);
