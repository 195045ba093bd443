import { z } from 'zod';
import type { Database } from '../../db/database.ts';
import { findRun } from '../../db/runs/runs.ts';
import type { RunRow } from '../../db/schema.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { Run } from '../../domain/run/run.ts';
import { REPLAYED_HEADER } from './idempotency.ts';
import type { ApiDependencies } from './operation.ts';
import { presentRun } from './present.ts';

// Shared by the routes of runs.

/** The parameters of every path below a run. */
export const RunIdParams = z.strictObject({
  id: z
    .uuid({ error: 'is not the id of a run; ids are UUIDs' })
    .meta({ example: '5f1c1b0e-6f0e-5b39-9d3c-2a53c3c2b8ad' }),
});

/** @throws SchedulerError `not_found` */
export async function requireRun(db: Database, namespace: string, id: string): Promise<RunRow> {
  const run = await findRun(db, namespace, id);
  if (!run) throw new SchedulerError('not_found', `There is no run with the id ${id}.`);
  return run;
}

/** Presents runs with links to the Temporal Web UI of this installation. */
export const presentFor = ({ temporalUiUrl, temporal }: ApiDependencies) => {
  const where = { uiUrl: temporalUiUrl, namespace: temporal.options.namespace };
  return (run: RunRow) => presentRun(run, where);
};

/** The answers, for the OpenAPI document, of an operation that makes a run. */
export const QUEUED_ANSWERS = {
  202: {
    description: 'The queued run.',
    schema: Run,
    headers: { Location: 'Path of the run.', ...REPLAYED_HEADER },
  },
};

/** Answers a request that has made a run. */
export const answerQueued = (dependencies: ApiDependencies) => {
  const present = presentFor(dependencies);
  return (run: RunRow) => ({ status: 202, headers: { Location: `/runs/${run.id}` }, body: present(run) });
};
