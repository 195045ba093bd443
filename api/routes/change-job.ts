import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { JobRow } from '../../db/schema.ts';
import { invalid } from '../../domain/errors.ts';
import { Job, JobInput, type ShownDefinition } from '../../domain/job/job.ts';
import { mergePatch } from '../../domain/job/merge-patch.ts';
import { attachCalendar } from '../../scheduling/calendars/attach-calendar.ts';
import { definitionOf } from '../../scheduling/jobs/job-definition.ts';
import { syncJob } from '../../scheduling/schedules/sync.ts';
import type { JobChange } from '../../scheduling/jobs/job-change.ts';
import { storeJobChange } from '../../scheduling/jobs/store-job.ts';
import { requireFitSchedule, requireFitStartWithin } from '../rest/fit-schedule.ts';
import { IfMatchHeaders, requireMatch } from '../rest/if-match.ts';
import {
  answerWritten,
  JOB_HEADERS,
  JobIdParams,
  noSuchJob,
  writerOf,
  type JobRequest,
} from '../rest/job-resource.ts';
import { MAX_BODY_BYTES } from '../middleware/json-body.ts';
import { operation, type ApiDependencies } from '../rest/operation.ts';
import { parsePatched } from '../rest/parse-patched.ts';

const EFFECTS =
  'A request that changes nothing makes no new generation. A new schedule makes a completed job active again; a paused job stays paused. Open runs continue with the old definition.';

const JobPatch = z
  .record(z.string(), z.unknown(), {
    error: 'must be an object with the fields to change; null removes a field',
  })
  .meta({
    id: 'JobPatch',
    propertyNames: { enum: Object.keys(JobInput.shape) },
    description:
      'A JSON merge patch (RFC 7396) of the fields of JobInput. Null removes a field, which then has its default; objects are merged; arrays are replaced.',
    example: { labels: { team: 'billing', obsolete: null }, policy: { overlap: 'allowAll' } },
  });

const answers = { 200: { description: 'The job.', schema: Job, headers: JOB_HEADERS } };

/** Changes the definition of a job to the result of `define`, under the job's lock, syncs it to Temporal, and answers it. */
async function changeJob(
  { params: { id }, headers, ...request }: JobRequest & { params: { id: string }; headers: IfMatchHeaders },
  dependencies: ApiDependencies,
  define: (job: JobRow) => JobInput,
) {
  const now = dependencies.now();
  const place = { id, namespace: request.namespace };
  const written = await storeJobChange(
    dependencies.db,
    place,
    writerOf(request, dependencies, now),
    async (job, transaction): Promise<JobChange | undefined> => {
      requireMatch(headers, job);
      const asked = define(job);
      if (isDeepStrictEqual(asked, definitionOf(job))) return undefined;
      const schedule = await attachCalendar(transaction, job.namespace, asked.schedule, job.schedule);
      const definition = { ...asked, schedule };
      const isSameSchedule = isDeepStrictEqual(schedule, job.schedule);
      if (!isSameSchedule || asked.onLate?.startWithin !== job.on_late?.startWithin)
        requireFitStartWithin(asked.onLate, schedule, now.getTime());
      if (isSameSchedule) return { action: 'changed', definition };
      requireFitSchedule(schedule, now.getTime(), dependencies, job.schedule);
      return {
        action: 'changed',
        definition,
        ...(job.state === 'completed' ? { state: 'active' as const } : {}),
      };
    },
  );
  return answerWritten(id, written, dependencies);
}

/**
 * The definition of a job after a patch.
 * @throws SchedulerError `invalid` with the faults of the result
 */
function patchDefinition(job: JobRow, patch: z.infer<typeof JobPatch>): JobInput {
  const current = definitionOf(job);
  // Unknown fields stay in, null or not, so that the validation reports misspelt and read-only ones.
  const unknown = Object.entries(patch).filter(([name]) => !Object.hasOwn(JobInput.shape, name));
  const merged: Record<string, unknown> = {
    ...(mergePatch(current, patch) as object),
    ...Object.fromEntries(unknown),
  };
  const definition = parseTouched(merged, current, patch);
  // Without this check, many patches could make a job larger than any request.
  if (sizeOf(definition) > Math.max(MAX_BODY_BYTES, sizeOf(current))) {
    const message = `with the patch, the job would be larger than ${MAX_BODY_BYTES} bytes`;
    throw invalid([{ path: '', code: 'too_large', message }]);
  }
  return definition;
}

/**
 * Validates a patched definition. Fields that the patch does not name stay as they are, even if today's rules would refuse
 * them, and so do unchanged values within the fields that it names.
 */
function parseTouched(
  merged: Record<string, unknown>,
  current: ShownDefinition,
  patch: z.infer<typeof JobPatch>,
): JobInput {
  const fields = Object.keys(JobInput.shape) as (keyof JobInput)[];
  const kept = fields.filter((name) => name in current && !(name in patch));
  const touchedOf = (whole: object) =>
    Object.fromEntries(Object.entries(whole).filter(([name]) => !(kept as string[]).includes(name)));
  const schema = JobInput.omit(
    Object.fromEntries(kept.map((name) => [name, true])) as {
      target: true;
      schedule: true;
    },
  );
  const untouched = Object.fromEntries(kept.map((name) => [name, current[name]])) as Pick<
    JobInput,
    'target' | 'schedule'
  >;
  return { ...parsePatched(schema, touchedOf(merged), touchedOf(current)), ...untouched };
}

const sizeOf = (definition: JobInput) => Buffer.byteLength(JSON.stringify(definition));

export const replaceJob = operation({
  method: 'put',
  path: '/jobs/{id}',
  operationId: 'replaceJob',
  summary: 'Replace a job',
  description: `Replaces the whole definition of the job; fields that the body leaves out get their defaults. ${EFFECTS} Never creates a job.`,
  tag: 'Jobs',
  access: 'jobs:write',
  params: JobIdParams,
  headers: IfMatchHeaders,
  body: JobInput,
  bodyExamples: {
    cron: {
      summary: 'Every Tuesday at nine in Berlin',
      value: {
        name: 'weekly-report',
        schedule: { cron: '0 9 * * TUE', timeZone: 'Europe/Berlin' },
        target: { type: 'http', url: 'https://example.com/hooks/report', body: { report: 'weekly' } },
      },
    },
  },
  answers,
  errors: ['not_found', 'name_taken', 'precondition_failed'],
  async handle(input, dependencies) {
    return changeJob(input, dependencies, () => input.body);
  },
});

export const patchJob = operation({
  method: 'patch',
  path: '/jobs/{id}',
  operationId: 'patchJob',
  summary: 'Change fields of a job',
  description: `Merges the body into the definition of the job (RFC 7396). Concurrent patches are all applied, one after another. To change the kind of a schedule, remove the fields of the old kind with null, or use PUT. ${EFFECTS}`,
  tag: 'Jobs',
  access: 'jobs:write',
  params: JobIdParams,
  headers: IfMatchHeaders,
  body: JobPatch,
  bodyTypes: ['application/merge-patch+json', 'application/json'],
  bodyExamples: {
    labels: {
      summary: 'Add one label, remove another',
      value: { labels: { team: 'billing', obsolete: null } },
    },
    schedule: {
      summary: 'An interval instead of a cron',
      value: { schedule: { cron: null, dayMatch: null, dst: null, every: '15m' } },
    },
  },
  answers,
  errors: ['not_found', 'name_taken', 'precondition_failed'],
  async handle(input, dependencies) {
    return changeJob(input, dependencies, (job) => patchDefinition(job, input.body));
  },
});

export const deleteJob = operation({
  method: 'delete',
  path: '/jobs/{id}',
  operationId: 'deleteJob',
  summary: 'Delete a job',
  description:
    'No run of the job starts any more. Its runs stay available under `/runs/{id}` and its revisions under `/jobs/{id}/revisions`. Its name is free again.',
  tag: 'Jobs',
  access: 'jobs:write',
  params: JobIdParams,
  headers: IfMatchHeaders,
  answers: { 204: { description: 'The job is deleted.' } },
  errors: ['not_found', 'precondition_failed'],
  async handle({ params, headers, ...request }, dependencies) {
    const writer = writerOf(request, dependencies, dependencies.now());
    const place = { id: params.id, namespace: request.namespace };
    const tombstone = await storeJobChange(dependencies.db, place, writer, (job) => {
      requireMatch(headers, job);
      return { action: 'deleted', isDeleted: true };
    });
    if (!tombstone) throw noSuchJob(params.id);
    await syncJob(dependencies, tombstone.job.id);
    return { status: 204 };
  },
});
