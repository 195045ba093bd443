// A user of the generated client: calls every operation, and prints the status that each answered. Compiled under `strict`
// together with the client, by test/integration/generated-client.test.ts.
import { client } from './generated/client.gen.js';
import * as api from './generated/index.js';
import type { Job, JobInput, RunEvent, RunGap } from './generated/index.js';

const { API_URL = '', API_KEY = '', TARGET_URL = '' } = process.env;
client.setConfig({ baseUrl: API_URL, auth: API_KEY });

const statuses: Record<string, number> = {};
/** Notes the status of a call, and hands its data on. */
async function note<Data>(
  operation: string,
  call: Promise<{ data: Data; response: Response }>,
): Promise<Data> {
  const { data, response } = await call;
  statuses[operation] = response.status;
  return data;
}

const definition: JobInput = {
  name: 'made by a generated client',
  schedule: { cron: '0 9 * * MON', timeZone: 'Europe/Berlin' },
  target: { type: 'http', url: TARGET_URL },
};
const throwOnError = true as const;
const job: Job = await note('createJob', api.createJob({ body: definition, throwOnError }));
const path = { id: job.id };
await note('listJobs', api.listJobs({ query: { limit: 10 }, throwOnError }));
const read = await note('getJob', api.getJob({ path, throwOnError }));
const headers = { 'If-Match': `"${read.sync.generation}"` };
await note(
  'replaceJob',
  api.replaceJob({ path, headers, body: { ...definition, labels: { by: 'put' } }, throwOnError }),
);
await note('patchJob', api.patchJob({ path, body: { description: 'patched' }, throwOnError }));
await note('pauseJob', api.pauseJob({ path, body: { reason: 'for the test' }, throwOnError }));
await note('resumeJob', api.resumeJob({ path, throwOnError }));
const { skips } = await note(
  'skipOccurrences',
  api.skipOccurrences({ path, body: { next: 1 }, throwOnError }),
);
const at = skips.map((skip) => skip.at);
await note('unskipOccurrences', api.unskipOccurrences({ path, body: { at }, throwOnError }));
await note('listRevisionsOfJob', api.listRevisionsOfJob({ path, throwOnError }));
await note('listUpcoming', api.listUpcoming({ path, query: { limit: 3 }, throwOnError }));
await note('listUpcomingOfAll', api.listUpcomingOfAll({ query: { limit: 3 }, throwOnError }));
await note('previewSchedule', api.previewSchedule({ body: { schedule: { every: '15m' } }, throwOnError }));

let followed = '';
const { stream } = await api.streamRuns({ query: { jobId: job.id, lastEventId: '0' } });
const first = (async () => {
  // What this generator's streams hand out is the data of each event, and not the event, as their type has it.
  for await (const data of stream as AsyncGenerator<unknown>) {
    const event = data as RunEvent | RunGap;
    if (!('runId' in event)) continue;
    followed = event.runId;
    break;
  }
})();
const run = await note('runJob', api.runJob({ path, throwOnError }));
await note('cancelRun', api.cancelRun({ path: { id: run.id }, throwOnError }));

await note(
  'backfillJob',
  api.backfillJob({ path, body: { from: '2026-11-01T00:00:00Z', to: '2026-11-10T00:00:00Z' }, throwOnError }),
);
await note('listRuns', api.listRuns({ query: { state: ['queued', 'running', 'succeeded'] }, throwOnError }));
await note('listRunsOfJob', api.listRunsOfJob({ path, throwOnError }));
await note('getRun', api.getRun({ path: { id: run.id }, throwOnError }));
for (let ended: string | null = null; ended === null;) {
  const { data } = await api.getRun({ path: { id: run.id }, throwOnError });
  ended = data.endedAt;
  await new Promise((resolve) => setTimeout(resolve, 100));
}
await note('retryRun', api.retryRun({ path: { id: run.id }, throwOnError }));
await note('deleteJob', api.deleteJob({ path, throwOnError }));

const calendar = { path: { name: 'generated' }, throwOnError };
await note('createCalendar', api.createCalendar({ body: { name: 'generated' }, throwOnError }));
await note('listCalendars', api.listCalendars({ throwOnError }));
await note('getCalendar', api.getCalendar(calendar));
await note('replaceCalendar', api.replaceCalendar({ ...calendar, body: { weekdays: ['MON'] } }));
await note('patchCalendar', api.patchCalendar({ ...calendar, body: { through: '2090-12-31' } }));
await note('listDaysOfCalendar', api.listDaysOfCalendar({ ...calendar, query: { year: 2030 } }));
await note('listRevisionsOfCalendar', api.listRevisionsOfCalendar(calendar));
await note('deleteCalendar', api.deleteCalendar(calendar));
const ics = 'BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20301225\nEND:VEVENT\nEND:VCALENDAR';
await note('importCalendar', api.importCalendar({ body: { name: 'imported', ics }, throwOnError }));

const key = await note(
  'createApiKey',
  api.createApiKey({ body: { name: 'generated', scopes: ['jobs:read'] }, throwOnError }),
);
await note('listApiKeys', api.listApiKeys({ throwOnError }));
await note('getApiKey', api.getApiKey({ path: { id: key.id }, throwOnError }));
await note('revokeApiKey', api.revokeApiKey({ path: { id: key.id }, throwOnError }));
await note('getAccess', api.getAccess({ throwOnError }));
await note('listAuditEntries', api.listAuditEntries({ query: { jobId: job.id }, throwOnError }));
await note('live', api.live({ throwOnError }));
await note('ready', api.ready({ throwOnError }));

await first;
statuses['streamRuns'] = followed === run.id ? 200 : 0;

// An error has the type of a problem.
const { error } = await api.getJob({ path: { id: job.id } });
statuses['error'] = error?.code === 'not_found' ? 200 : 0;
console.log(JSON.stringify(statuses));
process.exit(0);
