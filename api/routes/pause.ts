import { z } from 'zod';
import { findJob, pauseJob, resumeJob } from '../../db/jobs.ts';
import type { JobRow } from '../../db/schema.ts';
import { invalid, SchedulerError } from '../../domain/errors.ts';
import { Instant, toInstant } from '../../domain/instant.ts';
import { Job } from '../../domain/job.ts';
import { syncJob } from '../../scheduling/sync.ts';
import { operation, type ApiDependencies } from '../operation.ts';
import { answerJob, etagOf, JobIdParams, NAMESPACE, requireJob } from './jobs.ts';

/** Until callers have names. */
const CALLER = 'api';

const PauseInput = z
  .strictObject({
    reason: z
      .string()
      .max(500)
      .default('')
      .meta({ description: 'Why, for whoever looks at the job later.', example: 'maintenance' }),
    until: Instant.optional().meta({
      description: 'When it resumes by itself; left out, it does not.',
      example: '2099-01-01T06:00:00Z',
    }),
  })
  .meta({ id: 'PauseInput' });

/** @throws SchedulerError `not_found`, or `completed` for a job that has had its last occurrence */
async function requireUnfinished(dependencies: ApiDependencies, id: string): Promise<void> {
  const job = await requireJob(dependencies, id);
  if (job.state === 'completed') {
    throw new SchedulerError(
      'completed',
      `The job ${id} has had its last occurrence; it can neither be paused nor resumed.`,
    );
  }
}

/** Brings a changed job to Temporal and answers it; answers a job that was not changed as it stands. */
async function answerChange(changed: JobRow | undefined, id: string, dependencies: ApiDependencies) {
  if (changed) await syncJob(dependencies, id);
  const job = (await findJob(dependencies.db, NAMESPACE, id)) ?? changed;
  if (!job) throw new SchedulerError('not_found', `There is no job with the id ${id}.`);
  return { status: 200, headers: { ETag: etagOf(job) }, body: await answerJob(job, dependencies) };
}

export const pauseJobRoute = operation({
  method: 'post',
  path: '/jobs/{id}/pause',
  operationId: 'pauseJob',
  summary: 'Pause a job',
  description:
    'From now on no occurrence starts; those that fall due meanwhile are not made up for. Runs asked for by hand still start.',
  tag: 'Jobs',
  params: JobIdParams,
  body: PauseInput,
  bodyOptional: true,
  bodyExamples: {
    reason: { summary: 'For a while', value: { reason: 'maintenance', until: '2099-01-01T06:00:00Z' } },
  },
  answers: {
    200: { description: 'The job, paused.', schema: Job, headers: { ETag: 'Generation of the job.' } },
  },
  errors: ['not_found', 'completed'],
  async handle({ params, body }, dependencies) {
    const now = dependencies.now();
    if (body.until !== undefined && Date.parse(body.until) <= now.getTime()) {
      const message = `${body.until} is in the past; it is now ${toInstant(now.getTime())}`;
      throw invalid([{ path: 'until', code: 'in_the_past', message }]);
    }
    await requireUnfinished(dependencies, params.id);
    const until = body.until === undefined ? null : new Date(body.until);
    const paused = await pauseJob(
      dependencies.db,
      params.id,
      { reason: body.reason, by: CALLER, until },
      now,
    );
    return answerChange(paused, params.id, dependencies);
  },
});

export const resumeJobRoute = operation({
  method: 'post',
  path: '/jobs/{id}/resume',
  operationId: 'resumeJob',
  summary: 'Resume a paused job',
  description: 'A job that is not paused stays as it is. If Temporal has lost its schedule, it is made anew.',
  tag: 'Jobs',
  params: JobIdParams,
  answers: {
    200: { description: 'The job, active.', schema: Job, headers: { ETag: 'Generation of the job.' } },
  },
  errors: ['not_found', 'completed'],
  async handle({ params }, dependencies) {
    await requireUnfinished(dependencies, params.id);
    const resumed = await resumeJob(dependencies.db, params.id, dependencies.now());
    return answerChange(resumed, params.id, dependencies);
  },
});
