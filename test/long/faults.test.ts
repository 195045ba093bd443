import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { FAULTS } from '../faults/fault-kinds.ts';
import { FAILURES } from '../faults/findings.ts';
import { runFaults } from '../faults/run.ts';
import { showReport } from '../faults/show-report.ts';
import { fromRunner } from '../support/environment.ts';

// The short form of npm run test:faults, on its own servers, because it kills them. Its logs stay with those of the other
// tests, in the folder that the runner names when a test fails.
test('a fault of each kind, 500 targets: no run is missing, doubled, invented or stuck', async () => {
  const folder = path.join(fromRunner('folder'), 'faults');
  mkdirSync(folder);
  const said: string[] = [];
  const faults = Object.values(FAULTS).filter(({ times }) => times > 0).length;
  const report = await runFaults({
    faults,
    isEven: true,
    targets: 500,
    seed: 1,
    folder,
    say: (text) => said.push(text),
  });
  // How soon it recovers is for the long form, on a machine that does nothing else: this one runs beside other tests.
  const failures = report.findings.filter(({ kind }) => kind !== 'recovery' && FAILURES.includes(kind));
  // The whole report is printed only if there are failures.
  if (failures.length > 0) console.log([...said, showReport(report)].join('\n'));
  expect(failures).toEqual([]);
  expect(report.figures.faults).toBe(faults);
  expect(report.figures.runsCalled).toBeGreaterThanOrEqual(500);
  // The rest were runs by request, and what the rule of a fault leaves open.
  expect(report.figures.calledOccurrences).toBeGreaterThan(150);
}, 1_200_000);
