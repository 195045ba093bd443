import { randomUUID } from 'node:crypto';
import { callApi, type ApiRequest } from './api-caller.ts';
import { named, note, pathOf, type BenchJob, type OperationContext } from './job-operations.ts';
import { dueBetween } from './oracle.ts';

// Operations on the runs of jobs.

const SECOND_MS = 1_000;
const BACKFILL_MS = 30 * SECOND_MS;
const MAX_BACKFILLED = 5;

/** Runs a job now. */
export async function runJob(context: OperationContext, job: BenchJob): Promise<void> {
  const request: ApiRequest = {
    method: 'POST',
    path: `${pathOf(job)}/run`,
    idempotencyKey: randomUUID(),
  };
  const result = await callApi(context.apis, context.random, request, context.first);
  const done = result.answer?.status === 202;
  const runId = done ? (result.answer?.body as { id: string }).id : null;
  note(context, { kind: 'run', runId, ...named(job) }, result, done);
}

/** Asks for the end of an open run of a job, if there is one. */
export async function cancelRun(context: OperationContext, job: BenchJob): Promise<void> {
  const runId = await findRun(context, job, 'queued,running');
  if (runId === undefined) return;
  const request: ApiRequest = { method: 'POST', path: `/runs/${runId}/cancel` };
  const result = await callApi(context.apis, context.random, request);
  note(context, { kind: 'cancel', runId, ...named(job) }, result, result.answer?.status === 202);
}

/** Repeats a run of a job that has ended, if there is one. */
export async function retryRun(context: OperationContext, job: BenchJob): Promise<void> {
  const repeated = await findRun(context, job, 'succeeded,failed,cancelled,timedOut');
  if (repeated === undefined) return;
  const request: ApiRequest = {
    ...{ method: 'POST', path: `/runs/${repeated}/retry` },
    idempotencyKey: randomUUID(),
  };
  const result = await callApi(context.apis, context.random, request);
  const done = result.answer?.status === 202;
  const runId = done ? (result.answer?.body as { id: string }).id : null;
  note(context, { kind: 'retry', runId, ...named(job) }, result, done);
}

async function findRun({ apis, random }: OperationContext, job: BenchJob, states: string) {
  const path = `${pathOf(job)}/runs?limit=5&state=${states}`;
  const { answer } = await callApi(apis, random, { method: 'GET', path });
  const { items = [] } = (answer?.body ?? {}) as { items?: { id: string; trigger: string }[] };
  // Not the call of a hook: the checker expects one of each.
  const chosen = items.filter(({ trigger }) => !trigger.startsWith('on'));
  return chosen.length === 0 ? undefined : random.pick(chosen).id;
}

/** Runs the last occurrences of a job again, those of its present schedule. */
export async function backfillJob(context: OperationContext, job: BenchJob): Promise<void> {
  const { random } = context;
  const to = Math.floor(Date.now() / SECOND_MS) * SECOND_MS - random.integer(1, 5) * SECOND_MS;
  const { schedule } = job;
  const from = Math.max(
    to - BACKFILL_MS,
    dueBetween(schedule, to - BACKFILL_MS, to).at(-MAX_BACKFILLED) ?? 0,
  );
  const request: ApiRequest = {
    ...{ method: 'POST', path: `${pathOf(job)}/backfill` },
    body: {
      ...{ from: new Date(from).toISOString(), to: new Date(to).toISOString() },
      overlap: random.pick(['bufferAll', 'allowAll']),
    },
    idempotencyKey: randomUUID(),
  };
  const result = await callApi(context.apis, random, request);
  const done = result.answer?.status === 202;
  const { id = null, count = 0 } = (done ? result.answer?.body : {}) as { id?: string; count?: number };
  note(
    context,
    { kind: 'backfill', schedule, backfill: { from, to, id, count }, ...named(job) },
    result,
    done,
  );
}
