import { z } from 'zod';
import { Instant } from '../../domain/instant.ts';
import { Job } from '../../domain/job/job.ts';
import { MAX_SKIPS } from '../../domain/schedule/skip-schema.ts';
import { freeText } from '../../domain/text.ts';
import { planSkips, planUnskips } from '../../scheduling/jobs/plan-skips.ts';
import { storeJobChange } from '../../scheduling/jobs/store-job.ts';
import { answerOnce, IDEMPOTENCY_ERRORS, IdempotencyHeaders, REPLAYED_HEADER } from '../rest/idempotency.ts';
import { IfMatchHeaders, requireMatch } from '../rest/if-match.ts';
import {
  answerJob,
  answerWritten,
  JOB_HEADERS,
  JobIdParams,
  noSuchJob,
  requireJob,
  writerOf,
} from '../rest/job-resource.ts';
import { operation } from '../rest/operation.ts';

const Instants = z.union([Instant, z.array(Instant).min(1).max(MAX_SKIPS)]);

const SkipInput = z
  .strictObject({
    at: Instants.optional().meta({
      description: 'The nominal time of an occurrence that is yet to come, or several.',
      example: '2099-12-28T08:00:00Z',
    }),
    next: z.int().min(1).max(MAX_SKIPS).optional().meta({
      description:
        'Instead of `at`: how many of the next occurrences, those that are skipped already left out.',
    }),
    reason: freeText(500)
      .default('')
      .meta({ description: 'The reason, shown in the job and in the skipped run.', example: 'bank holiday' }),
  })
  .superRefine(({ at, next }, context) => {
    if ((at === undefined) !== (next === undefined)) return;
    const message =
      at === undefined
        ? 'say which occurrences: "at" with their nominal times, or "next" with their number'
        : 'give either "at" or "next", not both';
    context.addIssue({ code: 'custom', path: [at === undefined ? 'at' : 'next'], message });
  })
  .meta({ id: 'SkipInput', description: 'Exactly one of at and next.' });

const UnskipInput = z
  .strictObject({
    at: Instants.meta({
      description: 'The nominal time of a skipped occurrence that is yet to come, or several.',
      example: '2099-12-28T08:00:00Z',
    }),
  })
  .meta({ id: 'UnskipInput' });

export const skipOccurrences = operation({
  method: 'post',
  path: '/jobs/{id}/skip',
  operationId: 'skipOccurrences',
  summary: 'Skip occurrences of a job',
  description:
    'Leaves out occurrences that are yet to come; `skips` of the job lists them. When one is due, it is recorded as a run with the state `skipped` and the reason `skippedByRequest`. It does not count for `maxRuns`, nor for the overlap policy. Skipping one again with the same reason changes nothing. A request with `next` skips others each time, unless it repeats the `Idempotency-Key` of an earlier one.',
  tag: 'Jobs',
  access: 'jobs:write',
  params: JobIdParams,
  headers: z.strictObject({ ...IfMatchHeaders.shape, ...IdempotencyHeaders.shape }),
  body: SkipInput,
  bodyExamples: {
    at: {
      summary: 'One occurrence',
      value: { at: '2099-12-28T08:00:00Z', reason: 'bank holiday' },
    },
    next: { summary: 'The next one', value: { next: 1, reason: 'deployment' } },
  },
  answers: {
    200: { description: 'The job.', schema: Job, headers: { ...JOB_HEADERS, ...REPLAYED_HEADER } },
  },
  errors: ['not_found', 'completed', 'precondition_failed', ...IDEMPOTENCY_ERRORS],
  async handle(input, dependencies) {
    const { id } = input.params;
    const { at, next, reason } = input.body;
    const wanted = at === undefined ? { next: next as number } : { at };
    return answerOnce(input, dependencies, {
      make: async (db) => {
        const writer = writerOf(input, dependencies, dependencies.now());
        const place = { id, namespace: input.namespace };
        const written = await storeJobChange(db, place, writer, (job, transaction, now) => {
          requireMatch(input.headers, job);
          return planSkips(transaction, job, wanted, { reason, by: writer.by, now });
        });
        if (!written) throw noSuchJob(id);
        return written;
      },
      answer: (written) => answerWritten(id, written, dependencies),
      // The reconciler syncs the job, if that has not happened already.
      answerLate: async () =>
        answerJob(200, await requireJob(dependencies.db, input.namespace, id), dependencies),
    });
  },
});

export const unskipOccurrences = operation({
  method: 'post',
  path: '/jobs/{id}/unskip',
  operationId: 'unskipOccurrences',
  summary: 'Take back the skipping of occurrences',
  description: 'The occurrences run after all. Only those that are yet to come can be taken back.',
  tag: 'Jobs',
  access: 'jobs:write',
  params: JobIdParams,
  headers: IfMatchHeaders,
  body: UnskipInput,
  bodyExamples: {
    at: { summary: 'One occurrence', value: { at: '2099-12-28T08:00:00Z' } },
  },
  answers: { 200: { description: 'The job.', schema: Job, headers: JOB_HEADERS } },
  errors: ['not_found', 'completed', 'precondition_failed'],
  async handle(input, dependencies) {
    const { params, headers, body } = input;
    const place = { id: params.id, namespace: input.namespace };
    const writer = writerOf(input, dependencies, dependencies.now());
    const written = await storeJobChange(dependencies.db, place, writer, (job, _transaction, now) => {
      requireMatch(headers, job);
      return planUnskips(job, body.at, now);
    });
    return answerWritten(params.id, written, dependencies);
  },
});
