import { z } from 'zod';
import { listRunRows } from '../../db/runs/run-lists.ts';
import type { RunRow } from '../../db/schema.ts';
import { Instant, QueryInstant } from '../../domain/instant.ts';
import { Run, Trigger } from '../../domain/run/run.ts';
import { RunState } from '../../domain/run/run-state.ts';
import { JobIdParams, requireJob } from '../rest/job-resource.ts';
import { operation, type Answer, type ApiDependencies } from '../rest/operation.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../rest/page.ts';
import { presentFor, requireRun, RunIdParams } from '../rest/run-resource.ts';

const RunCursor = z.strictObject({ scheduledAt: Instant, id: z.uuid() });

/** A comma-separated list in the query; an array in the handler and in the OpenAPI document. */
const RunStates = z.preprocess(
  (text, context) => {
    const states = typeof text === 'string' ? text.split(',') : [];
    if (states.length > 0 && states.every((state) => RunState.safeParse(state).success)) return states;
    context.addIssue({
      code: 'custom',
      message: `must be one or several of ${RunState.options.join(', ')}, separated by commas`,
    });
    return z.NEVER;
  },
  z.array(RunState).meta({ param: { style: 'form', explode: false } }),
);

/** The query of the runs of one job. */
const RunsQuery = z
  .strictObject({
    ...pageQuery,
    state: RunStates.optional().meta({
      description: 'Only runs in one of these states, such as `failed,timedOut`.',
    }),
    trigger: Trigger.optional().meta({ description: 'Only runs with this trigger.' }),
    from: QueryInstant.optional().meta({
      description:
        'Only runs with a `scheduledAt` at or after this instant, and `paused` runs that cover occurrences from then on.',
    }),
    to: QueryInstant.optional().meta({ description: 'Only runs with a `scheduledAt` before this instant.' }),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || Date.parse(from) < Date.parse(to), {
    path: ['to'],
    error: 'must be after from; the range includes from, but not to',
  });

/** The query of the runs of all jobs. */
const AllRunsQuery = RunsQuery.safeExtend({
  jobId: JobIdParams.shape.id.optional().meta({
    description: 'Only runs of this job, which may have been deleted. An unknown id matches no runs.',
    example: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
  }),
});

const RUN_PAGE = {
  200: {
    description: 'One page of runs.',
    schema: pageOf(Run, 'RunPage'),
    headers: { Link: 'The next page, if there is one.' },
  },
};

async function answerPage(
  { query, namespace, url }: { query: z.output<typeof RunsQuery>; namespace: string; url: URL },
  dependencies: ApiDependencies,
  place: z.output<typeof RunCursor> | undefined,
  jobId: string | undefined,
): Promise<Answer> {
  const { limit, state: states, trigger, from, to } = query;
  const rows = await dependencies.readList((db) =>
    listRunRows(
      db,
      {
        namespace,
        jobId,
        states,
        trigger,
        from: from ? new Date(from) : undefined,
        to: to ? new Date(to) : undefined,
      },
      { after: place && { scheduledAt: new Date(place.scheduledAt), id: place.id }, limit: limit + 1 },
    ),
  );
  const toPlace = (run: RunRow) => ({ scheduledAt: run.scheduled_at.toISOString(), id: run.id });
  return { status: 200, ...toPage(rows, limit, url, presentFor(dependencies), toPlace) };
}

export const listRunsOfJob = operation({
  method: 'get',
  path: '/jobs/{id}/runs',
  operationId: 'listRunsOfJob',
  summary: 'List the runs of a job, the latest first',
  tag: 'Runs',
  access: 'runs:read',
  params: JobIdParams,
  query: RunsQuery,
  answers: RUN_PAGE,
  errors: ['not_found'],
  async handle(input, dependencies) {
    const place = decodeCursor(RunCursor, input.query.cursor);
    const { id } = await requireJob(dependencies.db, input.namespace, input.params.id);
    return answerPage(input, dependencies, place, id);
  },
});

export const listRuns = operation({
  method: 'get',
  path: '/runs',
  operationId: 'listRuns',
  summary: 'List the runs of all jobs, the latest first',
  description: 'Includes runs of deleted jobs.',
  tag: 'Runs',
  access: 'runs:read',
  query: AllRunsQuery,
  answers: RUN_PAGE,
  handle: (input, dependencies) =>
    answerPage(input, dependencies, decodeCursor(RunCursor, input.query.cursor), input.query.jobId),
});

export const getRun = operation({
  method: 'get',
  path: '/runs/{id}',
  operationId: 'getRun',
  summary: 'Get a run',
  tag: 'Runs',
  access: 'runs:read',
  params: RunIdParams,
  answers: { 200: { description: 'The run.', schema: Run } },
  errors: ['not_found'],
  async handle({ params, namespace }, dependencies) {
    const run = await requireRun(dependencies.db, namespace, params.id);
    return { status: 200, body: presentFor(dependencies)(run) };
  },
});
