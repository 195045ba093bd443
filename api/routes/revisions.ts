import { z } from 'zod';
import { findJobOrTombstone } from '../../db/jobs/jobs.ts';
import { listRevisions } from '../../db/jobs/revisions.ts';
import { Revision } from '../../domain/job/revision.ts';
import { JobIdParams, noSuchJob } from '../rest/job-resource.ts';
import { operation } from '../rest/operation.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../rest/page.ts';
import { presentRevision } from '../rest/present.ts';

const RevisionPlace = z.strictObject({ generation: z.int32() });

export const listRevisionsOfJob = operation({
  method: 'get',
  path: '/jobs/{id}/revisions',
  operationId: 'listRevisionsOfJob',
  summary: 'List the changes of a job, the latest first',
  description:
    'Shows who changed what, and when. Available for a deleted job too, as long as it has runs; the first entry then tells who deleted it.',
  tag: 'Jobs',
  access: 'jobs:read',
  params: JobIdParams,
  query: z.strictObject(pageQuery),
  answers: {
    200: {
      description: 'One page of changes.',
      schema: pageOf(Revision, 'RevisionPage'),
      headers: { Link: 'The next page, if there is one.' },
    },
  },
  errors: ['not_found'],
  async handle({ params, query, namespace, url }, { db, readList }) {
    const place = decodeCursor(RevisionPlace, query.cursor);
    const job = await findJobOrTombstone(db, params.id);
    if (job?.namespace !== namespace) throw noSuchJob(params.id);
    const rows = await readList((readDb) =>
      listRevisions(readDb, {
        jobId: job.id,
        beforeGeneration: place?.generation,
        limit: query.limit + 1,
      }),
    );
    return {
      status: 200,
      ...toPage(rows, query.limit, url, presentRevision, ({ generation }) => ({ generation })),
    };
  },
});
