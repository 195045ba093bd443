import { mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { countByKind } from '../faults/by-kind.ts';
import type { Finding } from '../faults/findings.ts';
import type { FaultRecord, TargetCall } from '../faults/log.ts';
import { sumReports } from '../faults/sum-reports.ts';

// The counts by kind of fault, and their sums over several runs.

const BEGIN = Date.UTC(2026, 0, 1);
const at = (second: number) => BEGIN + second * 1_000;

const fault = (kind: string, second: number, recoveredAfterMs: number | null): FaultRecord => {
  const recovered = recoveredAfterMs === null ? null : at(second) + recoveredAfterMs;
  return {
    ...{ number: 1, kind, detail: '', reached: kind !== 'cut' },
    ...{ startedAt: at(second), endedAt: at(second), checkedFrom: at(second) },
    recovery: { readyAt: recovered, onTimeAt: recovered, syncedAt: recovered },
  };
};
const call = (run: string, second: number): TargetCall => ({
  ...{ at: at(second), endedAt: at(second), status: 200, job: 'job', run, key: run },
  ...{ scheduledAt: at(second), attempt: 1 },
});
const finding = (kind: Finding['kind'], second: number | null): Finding => ({
  ...{ kind, job: 'job', detail: '' },
  scheduledAt: second === null ? null : new Date(at(second)).toISOString(),
});

const counts = countByKind(
  {
    faults: [fault('kill', 10, 2_000), fault('cut', 50, null), fault('kill', 90, 31_000)],
    calls: [call('one', 5), call('two', 9), call('two', 20), call('one', 60), call('three', 95)],
  },
  [finding('missing', 51), finding('late', 52), finding('state', null)],
  ({ kind }) => kind !== 'late',
);

test('counts recoveries, repeated calls and failures at the fault that came before them', () => {
  expect(counts).toEqual({
    // The one that was not seen, and the missing occurrence.
    cut: { faults: 1, notReached: 1, recoveries: [null], repeatedCalls: 1, findings: 2 },
    // The one that took too long.
    kill: { faults: 2, notReached: 0, recoveries: [2_000, 31_000], repeatedCalls: 1, findings: 1 },
  });
});

test('adds up the reports of several runs', () => {
  const folders = [1, 2].map((seed) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'fault-sums-'));
    const report = {
      ...{ passed: true, kinds: counts, counts: {} },
      figures: { seed, minutes: 3, faults: 3, expectedOccurrences: 5, runsCalled: 3 },
      transactions: [{ statements: 'SELECT a | b', seen: 4, died: seed, length: 1 }],
    };
    writeFileSync(path.join(folder, 'report.json'), JSON.stringify(report));
    return folder;
  });
  const lines = sumReports(folders).split('\n');
  expect(lines).toContain('| cut | 2 | never | never | 2 | 4 |');
  expect(lines).toContain('| kill | 4 | 31.0 s | 31.0 s | 2 | 2 |');
  expect(lines).toContain('| all | 6 | 31.0 s | never | 4 | 6 |');
  expect(lines).toContain('| `SELECT a \\| b` | 8 | 3 |');
});
