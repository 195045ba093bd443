import type { Method, Operation } from '../rest/operation.ts';
import { getAccess } from './access.ts';
import { listAuditEntries } from './audit.ts';
import { createApiKey, getApiKey, listApiKeys, revokeApiKey } from './api-keys.ts';
import { backfillJob } from './backfill.ts';
import { listDaysOfCalendar } from './calendar-days.ts';
import {
  createCalendar,
  deleteCalendar,
  getCalendar,
  listCalendars,
  listRevisionsOfCalendar,
} from './calendars.ts';
import { patchCalendar, replaceCalendar } from './change-calendar.ts';
import { deleteJob, patchJob, replaceJob } from './change-job.ts';
import { live, ready } from './health.ts';
import { createJob, getJob, listJobs } from './jobs.ts';
import { pauseJob, resumeJob } from './pause.ts';
import { listRevisionsOfJob } from './revisions.ts';
import { importCalendar } from './import-calendar.ts';
import { cancelRun, retryRun, runJob } from './run-actions.ts';
import { getRun, listRuns, listRunsOfJob } from './runs.ts';
import { listUpcoming, previewSchedule } from './schedules.ts';
import { skipOccurrences, unskipOccurrences } from './skip.ts';
import { streamRuns } from './stream-runs.ts';
import { listUpcomingOfAll } from './upcoming.ts';

/** Every operation of the API. The router tries them in this order; the OpenAPI document lists them in it. */
export const operations: Operation[] = [
  route('POST /jobs', createJob),
  route('GET /jobs', listJobs),
  route('GET /jobs/{id}', getJob),
  route('PUT /jobs/{id}', replaceJob),
  route('PATCH /jobs/{id}', patchJob),
  route('DELETE /jobs/{id}', deleteJob),
  route('POST /jobs/{id}/pause', pauseJob),
  route('POST /jobs/{id}/resume', resumeJob),
  route('POST /jobs/{id}/skip', skipOccurrences),
  route('POST /jobs/{id}/unskip', unskipOccurrences),
  route('POST /jobs/{id}/run', runJob),
  route('POST /jobs/{id}/backfill', backfillJob),
  route('GET /jobs/{id}/revisions', listRevisionsOfJob),
  route('GET /jobs/{id}/upcoming', listUpcoming),
  route('GET /upcoming', listUpcomingOfAll),
  route('POST /schedules/preview', previewSchedule),

  route('GET /jobs/{id}/runs', listRunsOfJob),
  route('GET /runs', listRuns),
  // Before /runs/{id}, which would take "stream" for an id.
  route('GET /runs/stream', streamRuns),
  route('GET /runs/{id}', getRun),
  route('POST /runs/{id}/cancel', cancelRun),
  route('POST /runs/{id}/retry', retryRun),

  route('POST /calendars', createCalendar),
  route('GET /calendars', listCalendars),
  // Before /calendars/{name}, which would take "import" for a name.
  route('POST /calendars/import', importCalendar),
  route('GET /calendars/{name}', getCalendar),
  route('PUT /calendars/{name}', replaceCalendar),
  route('PATCH /calendars/{name}', patchCalendar),
  route('DELETE /calendars/{name}', deleteCalendar),
  route('GET /calendars/{name}/days', listDaysOfCalendar),
  route('GET /calendars/{name}/revisions', listRevisionsOfCalendar),

  route('POST /api-keys', createApiKey),
  route('GET /api-keys', listApiKeys),
  route('GET /api-keys/{id}', getApiKey),
  route('POST /api-keys/{id}/revoke', revokeApiKey),
  route('GET /access', getAccess),
  route('GET /audit', listAuditEntries),

  route('GET /livez', live),
  route('GET /readyz', ready),
];

/** Lists an operation under its method and path. The compiler refuses an address that is not the operation's own. */
function route<M extends Method, Path extends string>(
  _address: `${Uppercase<NoInfer<M>>} ${NoInfer<Path>}`,
  operation: Operation<unknown, unknown, unknown, unknown, M, Path>,
): Operation {
  return operation;
}
