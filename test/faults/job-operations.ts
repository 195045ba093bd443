import { randomUUID } from 'node:crypto';
import type { Random } from '../support/random.ts';
import { callApi, type ApiPlace, type ApiRequest, type ApiResult } from './api-caller.ts';
import { targetPath } from './answers.ts';
import { toApiSchedule } from './api-schedule.ts';
import { chooseSchedule, withMoreRuns, type Load } from './job-choice.ts';
import type { JobTraits, OperationKind, OperationRecord, PlainSchedule } from './log.ts';
import { USER_TASK_QUEUE, type UserCall } from './user-target/user-call.ts';

/** A job, as its clients know it. */
export interface BenchJob {
  name: string;
  id: string;
  traits: JobTraits;
  schedule: PlainSchedule;
  paused: boolean;
  /** When its pause ends by itself. */
  pausedUntil: number | null;
  /** Whether a client is changing it. Meanwhile the others change only its labels. */
  busy: boolean;
  gone: boolean;
}

/** The operations of the API that the bench can use. */
export interface Features {
  put: boolean;
  patch: boolean;
}

/** The dependencies of an operation. */
export interface OperationContext {
  apis: readonly ApiPlace[];
  random: Random;
  targetUrl: string;
  /** The target without its proxy, for workflows and activities of users. */
  directUrl: string;
  drawTraits: () => JobTraits;
  load: Load;
  features: Features;
  jobs: BenchJob[];
  operations: OperationRecord[];
  /** The API of the first call, if it matters. */
  first?: number;
}

/** Reads the operations from the OpenAPI document of the API. */
export async function readFeatures(api: ApiPlace): Promise<Features> {
  const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const methods = document.paths['/jobs/{id}'] ?? {};
  return { put: 'put' in methods, patch: 'patch' in methods };
}

/** Creates a job. Returns undefined if it was refused, or if the outcome is unknown. */
export async function createJob(
  context: OperationContext,
  name = `job-${randomUUID()}`,
): Promise<BenchJob | undefined> {
  const { random, jobs, load } = context;
  const traits = context.drawTraits();
  const schedule = chooseSchedule(random, load, traits, true);
  const result = await callApi(
    context.apis,
    random,
    {
      method: 'POST',
      path: '/jobs',
      body: jobInput(context, { name, traits, schedule }),
      idempotencyKey: randomUUID(),
    },
    context.first,
  );
  let id = result.answer?.status === 201 ? (result.answer.body as { id: string }).id : undefined;
  // Created by an earlier call whose answer was lost.
  if (id === undefined && result.answer?.status === 409) id = await findByName(context, name, result);
  note(
    context,
    { kind: 'create', jobName: name, jobId: id ?? null, schedule, traits },
    result,
    id !== undefined,
  );
  if (id === undefined) return undefined;
  const job: BenchJob = {
    name,
    id,
    traits,
    schedule,
    paused: false,
    pausedUntil: null,
    busy: false,
    gone: false,
  };
  jobs.push(job);
  return job;
}

async function findByName({ apis, random }: OperationContext, name: string, result: ApiResult) {
  const found = await callApi(apis, random, { method: 'GET', path: `/jobs?name=${name}` });
  result.calls.push(...found.calls);
  const { items } = (found.answer?.body ?? { items: [] }) as { items: { id: string }[] };
  return items[0]?.id;
}

/** Changes the schedule of a job, by PUT or PATCH. */
export async function changeJob(context: OperationContext, job: BenchJob): Promise<void> {
  const { random, features } = context;
  const schedule =
    job.schedule.maxRuns === undefined
      ? chooseSchedule(random, context.load, job.traits, false)
      : withMoreRuns(random, job.schedule);
  const whole = features.put && (!features.patch || random.chance(0.5));
  const request: ApiRequest = whole
    ? { method: 'PUT', path: pathOf(job), body: jobInput(context, { ...job, schedule }) }
    : { method: 'PATCH', path: pathOf(job), body: { schedule: replacing(job.schedule, schedule) } };
  const result = await callApi(context.apis, random, request, context.first);
  const done = result.answer?.status === 200;
  if (done) job.schedule = schedule;
  note(context, { kind: 'change', schedule, ...named(job) }, result, done);
  if (!result.answer) await deleteJob(context, job);
}

/** A merge patch (RFC 7396) from one schedule to another: fields that the new one lacks become null. */
function replacing(from: PlainSchedule, to: PlainSchedule): Record<string, unknown> {
  const absent = Object.fromEntries(Object.keys(toApiSchedule(from)).map((key) => [key, null]));
  return { ...absent, ...toApiSchedule(to) };
}

/**
 * Changes only a label, also while another client changes the job. Half of the requests use If-Match with the ETag that
 * was read; a 412 is then a valid answer too.
 */
export async function labelJob(context: OperationContext, job: BenchJob): Promise<void> {
  const { apis, random } = context;
  const body = { labels: { mark: String(random.integer(1, 1_000_000)) } };
  let ifMatch: string | undefined;
  if (random.chance(0.5)) {
    const { answer } = await callApi(apis, random, { method: 'GET', path: pathOf(job) });
    const { sync } = (answer?.body ?? {}) as { sync?: { generation: number } };
    ifMatch = sync && `"${sync.generation}"`;
  }
  const request: ApiRequest = { method: 'PATCH', path: pathOf(job), body };
  const result = await callApi(apis, random, ifMatch === undefined ? request : { ...request, ifMatch });
  note(context, { kind: 'label', ...named(job) }, result, result.answer?.status === 200);
}

/** Pauses a job, for good or until an instant, or resumes it. */
export async function setPaused(
  context: OperationContext,
  job: BenchJob,
  paused: boolean,
  until: number | null = null,
): Promise<void> {
  const kind = paused ? 'pause' : 'resume';
  const request: ApiRequest = {
    ...{ method: 'POST', path: `${pathOf(job)}/${kind}` },
    ...(until === null ? {} : { body: { until: new Date(until).toISOString() } }),
  };
  const result = await callApi(context.apis, context.random, request, context.first);
  const done = result.answer?.status === 200;
  if (done) Object.assign(job, { paused, pausedUntil: until });
  note(context, { kind, pausedUntil: until, ...named(job) }, result, done);
  // If its state is unknown now, it is deleted: it could not be checked any more. An `until` can pass between two calls.
  const isUnknown = until !== null && !done && result.calls.length > 1;
  if (!result.answer || isUnknown) await deleteJob(context, job);
}

/** Deletes a job. After a 404, an earlier call whose answer was lost has deleted it. */
export async function deleteJob(context: OperationContext, job: BenchJob): Promise<void> {
  job.gone = true;
  const request: ApiRequest = { method: 'DELETE', path: pathOf(job) };
  const result = await callApi(context.apis, context.random, request, context.first);
  const { status } = result.answer ?? {};
  const done = status === 204 || (status === 404 && result.calls.length > 1);
  note(context, { kind: 'delete', ...named(job) }, result, done);
}

export const pathOf = ({ id }: BenchJob) => `/jobs/${id}`;
export const named = ({ name, id }: BenchJob) => ({ jobName: name, jobId: id });

function jobInput(
  context: OperationContext,
  { name, traits, schedule }: Pick<BenchJob, 'name' | 'traits' | 'schedule'>,
) {
  const { overlap, limits, hookAfter, maxAttempts, timeoutMs } = traits;
  const hook = { target: { type: 'http', url: context.targetUrl + targetPath('hook', name) } };
  const { key, maxConcurrent, rate } = limits ?? {};
  return {
    name,
    schedule: toApiSchedule(schedule),
    target: targetOf(context, name, traits),
    policy: {
      ...{ overlap, catchupWindow: '1h' },
      ...(key === undefined ? {} : { concurrencyKey: key }),
      ...(maxConcurrent === undefined ? {} : { maxConcurrent }),
      ...(rate ? { rateLimit: { max: rate.max, per: `${rate.perMs / 1_000}s` } } : {}),
    },
    retry: { maxAttempts, initialInterval: '1s', backoffCoefficient: 1.5, maxInterval: '3s' },
    ...(timeoutMs === undefined ? {} : { timeout: `${timeoutMs / 1_000}s` }),
    ...(hookAfter === undefined ? {} : { onFailure: { after: hookAfter, ...hook }, onRecovery: hook }),
  };
}

function targetOf(
  { targetUrl, directUrl }: OperationContext,
  name: string,
  { target, script }: JobTraits,
): Record<string, unknown> {
  const path = targetPath(script, name);
  if (target === 'http') return { type: 'http', url: targetUrl + path, timeout: '20s' };
  const call: UserCall = {
    url: directUrl + path,
    ...{ job: '{{jobId}}', run: '{{runId}}', scheduledAt: '{{scheduledAt}}', attempt: '{{attempt}}' },
    token: '{{fencingToken}}',
  };
  const common = { type: target, taskQueue: USER_TASK_QUEUE, args: [call] };
  return target === 'workflow'
    ? { ...common, workflowType: 'callAsWorkflow' }
    : { ...common, activityType: 'callTarget', timeout: '20s', heartbeatTimeout: '6s' };
}

/** Adds an operation to the log. */
export function note(
  { operations }: OperationContext,
  what: { kind: OperationKind; jobName: string; jobId: string | null } & Partial<OperationRecord>,
  { calls, answer }: ApiResult,
  done: boolean,
): void {
  operations.push({
    id: randomUUID(),
    ...{ schedule: null, traits: null, pausedUntil: null, runId: null, backfill: null },
    ...what,
    calls,
    outcome: done ? 'done' : answer ? 'refused' : 'unknown',
  });
}
