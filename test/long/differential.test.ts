import { expect, test } from '@jest/globals';
import { runDifferential } from '../differential/run.ts';
import { fromRunner } from '../support/environment.ts';

// The short form of npm run test:differential.
test.each([
  ['any', 300, 50_000],
  ['businessDays', 120, 15_000],
] as const)(
  '%s: %i random schedules fire in Temporal exactly at the computed times',
  async (kind, cases, atLeast) => {
    const result = await runDifferential({
      address: fromRunner('temporalAddress'),
      namespace: 'differential',
      kind,
      seed: 1,
      cases,
    });
    expect(result.differences).toEqual([]);
    expect(result.cases).toBe(cases);
    expect(result.instants).toBeGreaterThan(atLeast);
  },
  300_000,
);
