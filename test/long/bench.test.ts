import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { planOf } from '../../bench/plan.ts';
import { runBench } from '../../bench/run.ts';
import { fromRunner } from '../support/environment.ts';

// The short form of npm run bench, on its own servers. The figures mean nothing beside other tests.
test('the bench measures the service and raw Temporal, and each call arrives once', async () => {
  const folder = path.join(fromRunner('folder'), 'bench');
  mkdirSync(folder);
  const said: string[] = [];
  const report = await runBench({
    plan: { ...planOf({ quick: true, only: 'burst,creation', jobs: '30' }), creationJobs: 10 },
    folder,
    say: (text) => said.push(text),
    signal: new AbortController().signal,
  });
  // As in its file.
  const { results, faults } = JSON.parse(JSON.stringify(report)) as typeof report;
  expect({ faults, said: faults.length > 0 ? said : [] }).toEqual({ faults: [], said: [] });
  expect(results.map(({ scenario, contender }) => `${scenario} ${contender}`)).toEqual([
    'burst ours',
    'burst raw',
    'creation ours',
    'creation raw',
  ]);
  for (const { figures } of results)
    expect(Object.entries(figures).filter(([, value]) => !Number.isFinite(value))).toEqual([]);
  for (const { figures } of results.slice(0, 2))
    expect(figures).toMatchObject({ jobs: 30, missing: 0, duplicates: 0 });
}, 180_000);
