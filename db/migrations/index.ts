import type { Migration } from 'kysely';
import * as jobsAndRuns from './0001-jobs-and-runs.ts';
import * as policyAndPause from './0002-policy-and-pause.ts';
import * as nothingLost from './0003-nothing-lost.ts';
import * as targetsAndRuns from './0004-targets-and-runs.ts';
import * as runLists from './0005-run-lists.ts';

/** All migrations by name, in order. Append only: what has been released is never changed. */
export const migrations: Record<string, Migration> = {
  '0001-jobs-and-runs': jobsAndRuns,
  '0002-policy-and-pause': policyAndPause,
  '0003-nothing-lost': nothingLost,
  '0004-targets-and-runs': targetsAndRuns,
  '0005-run-lists': runLists,
};
