import { z } from 'zod';
import { findRun, listRuns } from '../../db/runs.ts';
import type { RunRow } from '../../db/schema.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { Instant } from '../../domain/instant.ts';
import { Run } from '../../domain/run.ts';
import { JobIdParams, NAMESPACE, requireJob } from '../job-resource.ts';
import { operation, type ApiDependencies } from '../operation.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../page.ts';
import { presentRun } from '../present.ts';

/** Presents runs with links to where this service's Temporal is looked at. */
export const presentFor = ({ temporalUiUrl, temporal }: ApiDependencies) => {
  const where = { uiUrl: temporalUiUrl, namespace: temporal.options.namespace };
  return (run: RunRow) => presentRun(run, where);
};

/** The error for a run that there is not. */
export const noSuchRun = (id: string) =>
  new SchedulerError('not_found', `There is no run with the id ${id}.`);

const RunPlace = z.strictObject({ scheduledAt: Instant, id: z.uuid() });

export const getRunsOfJob = operation({
  method: 'get',
  path: '/jobs/{id}/runs',
  operationId: 'listRunsOfJob',
  summary: 'List the runs of a job, the latest first',
  tag: 'Runs',
  params: JobIdParams,
  query: z.strictObject(pageQuery),
  answers: {
    200: {
      description: 'One page of runs.',
      schema: pageOf(Run, 'RunPage'),
      headers: { Link: 'The next page, if there is one.' },
    },
  },
  errors: ['not_found'],
  async handle({ params, query, url }, dependencies) {
    const job = await requireJob(dependencies.db, params.id);
    const place = decodeCursor(RunPlace, query.cursor);
    const after = place && { scheduledAt: new Date(place.scheduledAt), id: place.id };
    const rows = await listRuns(dependencies.db, { jobId: job.id, after, limit: query.limit + 1 });
    const toPlace = (run: RunRow) => ({ scheduledAt: run.scheduled_at.toISOString(), id: run.id });
    return { status: 200, ...toPage(rows, query.limit, url, presentFor(dependencies), toPlace) };
  },
});

export const getRun = operation({
  method: 'get',
  path: '/runs/{id}',
  operationId: 'getRun',
  summary: 'Read a run',
  tag: 'Runs',
  params: z.strictObject({
    id: z
      .uuid({ error: 'is not the id of a run; ids are UUIDs' })
      .meta({ example: '5f1c1b0e-6f0e-5b39-9d3c-2a53c3c2b8ad' }),
  }),
  answers: { 200: { description: 'The run.', schema: Run } },
  errors: ['not_found'],
  async handle({ params }, dependencies) {
    const run = await findRun(dependencies.db, NAMESPACE, params.id);
    if (!run) throw noSuchRun(params.id);
    return { status: 200, body: presentFor(dependencies)(run) };
  },
});
