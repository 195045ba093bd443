import { z } from 'zod';
import type { JobRow } from '../../db/schema.ts';
import { invalid, SchedulerError } from '../../domain/errors.ts';
import { Instant, toInstant } from '../../domain/instant.ts';
import { Job } from '../../domain/job/job.ts';
import { freeText } from '../../domain/text.ts';
import type { JobChange } from '../../scheduling/jobs/job-change.ts';
import { resumption } from '../../scheduling/jobs/resumption.ts';
import { storeJobChange } from '../../scheduling/jobs/store-job.ts';
import { IfMatchHeaders, requireMatch } from '../rest/if-match.ts';
import { answerWritten, JOB_HEADERS, JobIdParams, writerOf, type JobRequest } from '../rest/job-resource.ts';
import { operation, type ApiDependencies } from '../rest/operation.ts';

const PauseInput = z
  .strictObject({
    reason: freeText(500)
      .default('')
      .meta({ description: 'The reason, shown in the job.', example: 'maintenance' }),
    until: Instant.optional().meta({
      description: 'When the job resumes by itself. By default, it stays paused.',
      example: '2099-01-01T06:00:00Z',
    }),
  })
  .meta({ id: 'PauseInput' });

/**
 * Pauses or resumes a job, syncs it to Temporal, and answers it.
 * @throws SchedulerError `not_found`, `completed` for a job that has had its last occurrence, or `precondition_failed`
 */
async function changeState(
  { params: { id }, headers, ...request }: JobRequest & { params: { id: string }; headers: IfMatchHeaders },
  dependencies: ApiDependencies,
  now: Date,
  decide: (job: JobRow) => JobChange | undefined,
) {
  const place = { id, namespace: request.namespace };
  const written = await storeJobChange(
    dependencies.db,
    place,
    writerOf(request, dependencies, now),
    (job) => {
      if (job.state === 'completed') {
        const message = `The job ${id} has had its last occurrence; it can neither be paused nor resumed. A new schedule makes it active again.`;
        throw new SchedulerError('completed', message);
      }
      requireMatch(headers, job);
      return decide(job);
    },
  );
  return answerWritten(id, written, dependencies);
}

export const pauseJob = operation({
  method: 'post',
  path: '/jobs/{id}/pause',
  operationId: 'pauseJob',
  summary: 'Pause a job',
  description:
    'Until the job resumes, no occurrence starts a run, then or later. One run with the state `skipped` and the reason `paused` stands for all occurrences of the pause, and lists them in `occurrences`. Manual runs still start.',
  tag: 'Jobs',
  access: 'jobs:write',
  params: JobIdParams,
  headers: IfMatchHeaders,
  body: PauseInput,
  bodyOptional: true,
  bodyExamples: {
    reason: {
      summary: 'With a reason and an end',
      value: { reason: 'maintenance', until: '2099-01-01T06:00:00Z' },
    },
  },
  answers: {
    200: { description: 'The paused job.', schema: Job, headers: JOB_HEADERS },
  },
  errors: ['not_found', 'completed', 'precondition_failed'],
  async handle(input, dependencies) {
    const { body } = input;
    const now = dependencies.now();
    if (body.until !== undefined && Date.parse(body.until) <= now.getTime()) {
      const message = `${body.until} is in the past; it is now ${toInstant(now.getTime())}`;
      throw invalid([{ path: 'until', code: 'in_the_past', message }]);
    }
    const until = body.until === undefined ? null : new Date(body.until);
    return changeState(input, dependencies, now, (job) => {
      const pause = { reason: body.reason, until };
      const isSame =
        job.pause_reason === pause.reason && job.paused_until?.getTime() === pause.until?.getTime();
      if (job.state !== 'paused') return { action: 'paused', state: 'paused', pause };
      return isSame ? undefined : { action: 'paused', pause };
    });
  },
});

export const resumeJob = operation({
  method: 'post',
  path: '/jobs/{id}/resume',
  operationId: 'resumeJob',
  summary: 'Resume a paused job',
  description:
    'A job that is not paused stays as it is. If its Temporal Schedule is missing, it is created again.',
  tag: 'Jobs',
  access: 'jobs:write',
  params: JobIdParams,
  headers: IfMatchHeaders,
  answers: {
    200: { description: 'The active job.', schema: Job, headers: JOB_HEADERS },
  },
  errors: ['not_found', 'completed', 'precondition_failed'],
  async handle(input, dependencies) {
    const now = dependencies.now();
    return changeState(input, dependencies, now, (job) =>
      job.state === 'paused' ? resumption(job, now) : undefined,
    );
  },
});
