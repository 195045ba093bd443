import type { Migration } from 'kysely';
import * as jobsAndRuns from './0001-jobs-and-runs.ts';
import * as policyAndPause from './0002-policy-and-pause.ts';
import * as nothingLost from './0003-nothing-lost.ts';
import * as targetsAndRuns from './0004-targets-and-runs.ts';
import * as runLists from './0005-run-lists.ts';
import * as limitsAndHooks from './0006-limits-and-hooks.ts';
import * as runEvents from './0007-run-events.ts';
import * as access from './0008-access.ts';
import * as origins from './0009-origins.ts';
import * as runDeadlines from './0012-run-deadlines.ts';
import * as jobLists from './0014-job-lists.ts';
import * as nextRuns from './0015-next-runs.ts';
import * as pauseRuns from './0016-pause-runs.ts';
import * as reasonCodes from './0017-reason-codes.ts';
import * as auditLog from './0018-audit-log.ts';
import * as drift from './0019-drift.ts';
import * as holders from './0019-holders.ts';
import * as calendars from './0020-calendars.ts';
import * as late from './0022-late.ts';
import * as movedFrom from './0024-moved-from.ts';

/** All migrations by name, in order. Append only: what has been released is never changed. */
export const migrations: Record<string, Migration> = {
  '0001-jobs-and-runs': jobsAndRuns,
  '0002-policy-and-pause': policyAndPause,
  '0003-nothing-lost': nothingLost,
  '0004-targets-and-runs': targetsAndRuns,
  '0005-run-lists': runLists,
  '0006-limits-and-hooks': limitsAndHooks,
  '0007-run-events': runEvents,
  '0008-access': access,
  '0009-origins': origins,
  '0012-run-deadlines': runDeadlines,
  '0014-job-lists': jobLists,
  '0015-next-runs': nextRuns,
  '0016-pause-runs': pauseRuns,
  '0017-reason-codes': reasonCodes,
  '0018-audit-log': auditLog,
  '0019-drift': drift,
  '0019-holders': holders,
  '0020-calendars': calendars,
  '0022-late': late,
  '0024-moved-from': movedFrom,
};
