import { expect, test } from '@jest/globals';
import { runDifferential } from '../differential/run.ts';
import { fromRunner } from '../support/environment.ts';

// The short form of npm run test:differential.
test('300 random schedules fire in Temporal exactly at the computed times', async () => {
  const result = await runDifferential({
    address: fromRunner('temporalAddress'),
    namespace: 'differential',
    seed: 1,
    cases: 300,
  });
  expect(result.differences).toEqual([]);
  expect(result.cases).toBe(300);
  expect(result.instants).toBeGreaterThan(50_000);
}, 300_000);
