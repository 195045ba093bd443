import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Job } from '../../domain/job/job.ts';
import type { Run } from '../../domain/run/run.ts';
import { findPort } from '../../local/ports.ts';
import { apiClient, request } from '../support/client.ts';
import { startCollector, type Collector, type ReceivedSpan } from '../support/collector.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { fromRunner } from '../support/environment.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

let stack: Stack;
let collector: Collector;
let worker: ServiceProcess;
let url: string;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('traces');
  collector = await startCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '200' };
  const [service, started] = await Promise.all([stack.startApi(env), stack.startWorker(env)]);
  worker = started;
  url = service.url;
  api = apiClient(url);
});
afterAll(async () => {
  await stack.stop();
  await collector.stop();
});

const never = { at: '2090-01-01T00:00:00Z' };
const target = (where: string, more: object = {}) => ({
  type: 'http',
  url: stack.receiver.url + where,
  ...more,
});
const traceIdOf = (runId: string) => runId.replaceAll('-', '');
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The ids of trace and span that a target received. */
function parentAt(where: string, index = 0) {
  const header = String(stack.receiver.callsTo(where)[index]?.headers['traceparent']);
  const [, traceId, spanId, flags] = TRACEPARENT.exec(header) ?? [];
  return { traceId, spanId, flags };
}

const findSpan = (what: string, fits: (span: ReceivedSpan) => boolean) =>
  waitFor(what, () => collector.spans.find(fits));

/** The span whose id a target received, and the span of its attempt. */
async function spansOfCall(where: string, index = 0) {
  const { traceId, spanId } = parentAt(where, index);
  const client = await findSpan('the client span', (span) => span.spanId === spanId);
  const attempt = await findSpan('the span of the attempt', (span) => span.spanId === client.parentId);
  expect([client.traceId, attempt.traceId]).toEqual([traceId, traceId]);
  return { client, attempt };
}

/** All log lines of the processes of this test. */
const lines = () =>
  readdirSync(fromRunner('folder'))
    .filter((file) => file.startsWith('traces-'))
    .flatMap((file) => readFileSync(path.join(fromRunner('folder'), file), 'utf8').split('\n'))
    .filter((line) => line.startsWith('{'))
    .map((line) => ({ line, fields: JSON.parse(line) as Record<string, unknown> }));

const post = <Body>(where: string, body?: unknown, headers: Record<string, string> = {}) =>
  request<Body>(url + where, 'POST', body, headers);

describe('a manual run', () => {
  test('continues the trace of its request, from the client to the outgoing call', async () => {
    const job = await api.createJob({
      name: 'asked',
      schedule: never,
      target: target('/asked?token=hidden'),
    });
    const caller = { traceId: 'c0ffee00c0ffee00c0ffee00c0ffee00', spanId: 'beef00beef00beef' };
    const traceparent = `00-${caller.traceId}-${caller.spanId}-01`;
    const { body: run } = await post<Run>(`/jobs/${job.id}/run`, undefined, { traceparent });
    await endOfRun(api, run.id);
    expect(parentAt('/asked?token=hidden')).toMatchObject({ traceId: caller.traceId, flags: '01' });
    const { client, attempt } = await spansOfCall('/asked?token=hidden');
    const server = await findSpan('the server span', (span) => span.spanId === attempt.parentId);

    expect(server).toMatchObject({
      service: 'scheduler-api',
      name: 'POST /jobs/{id}/run',
      kind: 2,
      ...{ traceId: caller.traceId, parentId: caller.spanId },
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/jobs/{id}/run',
        'http.response.status_code': 202,
        'url.path': `/jobs/${job.id}/run`,
      },
    });
    expect(attempt).toMatchObject({
      service: 'scheduler-worker',
      name: 'attempt',
      kind: 1,
      isFailed: false,
      links: [],
      attributes: {
        'scheduler.job.id': job.id,
        'scheduler.run.id': run.id,
        'scheduler.run.trigger': 'manual',
        'scheduler.attempt': 1,
        'scheduler.attempt.outcome': 'succeeded',
      },
    });
    expect(client).toMatchObject({
      service: 'scheduler-worker',
      name: 'POST',
      kind: 3,
      attributes: { 'url.full': `${stack.receiver.url}/asked`, 'http.response.status_code': 200 },
    });
    expect(JSON.stringify(collector.spans)).not.toContain('hidden');
  });

  test('has a span for each of its attempts', async () => {
    stack.receiver.respond('/again', (_call, response) => {
      response.writeHead(stack.receiver.callsTo('/again').length === 1 ? 503 : 200).end();
    });
    const job = await api.createJob({
      name: 'again',
      schedule: never,
      target: target('/again'),
      retry: { initialInterval: '100ms' },
    });
    const { body: run } = await post<Run>(`/jobs/${job.id}/run`);
    await endOfRun(api, run.id);
    const [first, second] = [await spansOfCall('/again', 0), await spansOfCall('/again', 1)];
    expect(first.attempt).toMatchObject({ isFailed: true, attributes: { 'scheduler.attempt': 1 } });
    expect(first.client).toMatchObject({ isFailed: true, attributes: { 'error.type': '503' } });
    expect(second.attempt).toMatchObject({ isFailed: false, attributes: { 'scheduler.attempt': 2 } });
    expect(second.attempt).toMatchObject({
      traceId: first.attempt.traceId,
      parentId: first.attempt.parentId,
    });
  });

  test('is not sampled if its request is not', async () => {
    const job = await api.createJob({ name: 'unsampled', schedule: never, target: target('/unsampled') });
    const traceparent = '00-abad1deaabad1deaabad1deaabad1dea-beef00beef00beef-00';
    const { body: run } = await post<Run>(`/jobs/${job.id}/run`, undefined, { traceparent });
    await endOfRun(api, run.id);
    expect(parentAt('/unsampled')).toMatchObject({
      traceId: 'abad1deaabad1deaabad1deaabad1dea',
      flags: '00',
    });
  });
});

test('an occurrence has its own trace with the id of the run, and a link to the request that created its job', async () => {
  const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000).toISOString();
  const { body: job, headers } = await post<Job>(
    '/jobs',
    { name: 'due', schedule: { at }, target: target('/due') },
    { 'x-request-id': 'the-request-that-made-it' },
  );
  expect(headers.get('x-request-id')).toBe('the-request-that-made-it');
  const [run] = await waitFor('the run', async () => {
    const { items } = await api.listRuns(job.id);
    return items.some(({ endedAt }) => endedAt !== null) ? items : undefined;
  });
  expect(run?.trigger).toBe('schedule');
  const { attempt } = await spansOfCall('/due');
  const server = await findSpan(
    'the server span',
    ({ attributes }) => attributes['scheduler.request.id'] === 'the-request-that-made-it',
  );
  expect(attempt).toMatchObject({
    traceId: traceIdOf(String(run?.id)),
    parentId: '',
    links: [{ traceId: server.traceId, spanId: server.spanId }],
  });
  expect(server).toMatchObject({ name: 'POST /jobs', parentId: '', links: [] });
  const sync = await findSpan(
    'the sync',
    ({ name, traceId }) => name === 'sync schedule' && traceId === server.traceId,
  );
  expect(sync).toMatchObject({ service: 'scheduler-api', parentId: server.spanId, links: [] });

  // The request id leads from the line of the request to that of the call.
  const [asked, scheduled, attempted] = await waitFor('the log lines', () => {
    const found = lines().filter(({ line }) => line.includes('the-request-that-made-it'));
    const saying = (message: string) => found.find(({ fields }) => fields['msg'] === message)?.fields;
    const all = [saying('request'), saying('the schedule was written'), saying('attempt ended')];
    return all.every((fields) => fields !== undefined) ? all : undefined;
  });
  expect(asked).toMatchObject({ service: 'api', path: '/jobs', jobId: job.id, traceId: server.traceId });
  expect(scheduled).toMatchObject({ service: 'api', jobId: job.id, generation: 1 });
  expect(attempted).toMatchObject({
    service: 'worker',
    jobId: job.id,
    runId: run?.id,
    traceId: traceIdOf(String(run?.id)),
  });
});

test('retries and backfills are linked to their requests, and later occurrences to the last change of the job', async () => {
  const job = await api.createJob({
    name: 'remembers',
    schedule: { every: '1h', startAt: '2026-01-01T00:00:00Z' },
    target: target('/remembers'),
  });
  const origins = async (query: string) =>
    (await stack.db.query<{ request: string }>(query, [job.id])).rows.map((row) => row.request);
  const ask = (id: string) => ({ 'x-request-id': id });
  const { body: run } = await post<Run>(`/jobs/${job.id}/run`, undefined, ask('asked-for-a-run'));
  await endOfRun(api, run.id);
  const { body: again } = await post<Run>(`/runs/${run.id}/retry`, undefined, ask('asked-for-a-retry'));
  await endOfRun(api, again.id);
  const range = { from: '2026-01-01T01:00:00Z', to: '2026-01-01T02:00:00Z' };
  await post(`/jobs/${job.id}/backfill`, range, ask('asked-for-a-backfill'));
  expect(
    await origins(`SELECT origin->>'requestId' AS request FROM runs WHERE job_id = $1 ORDER BY created_at`),
  ).toEqual(['asked-for-a-run', 'asked-for-a-retry', 'asked-for-a-backfill', 'asked-for-a-backfill']);
  await post(`/jobs/${job.id}/pause`, { reason: 'why' }, ask('asked-for-a-pause'));
  expect(await origins(`SELECT origin->>'requestId' AS request FROM jobs WHERE id = $1`)).toEqual([
    'asked-for-a-pause',
  ]);
  const traces = await waitFor('the attempts', () => {
    const ofJob = collector.spans.filter(
      ({ name, attributes }) => name === 'attempt' && attributes['scheduler.job.id'] === job.id,
    );
    return ofJob.length === 4 ? new Set(ofJob.map(({ traceId }) => traceId)) : undefined;
  });
  // One per request: the two runs of the backfill share one.
  expect(traces.size).toBe(3);
});

test('a collector that is down or silent affects nothing, and does not keep a process from stopping', async () => {
  const silent = await startCollector({ isSilent: true });
  const env = (endpoint: string) => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  });
  try {
    // So that the other worker makes the call.
    await worker.stop();
    const [service, other] = await Promise.all([
      stack.startApi(env(silent.url)),
      stack.startWorker(env(`http://127.0.0.1:${await findPort(0)}`)),
    ]);
    const client = apiClient(service.url);
    const job = await client.createJob({ name: 'lonely', schedule: never, target: target('/lonely') });
    const { body: run } = await request<Run>(`${service.url}/jobs/${job.id}/run`, 'POST');
    expect(await endOfRun(client, run.id)).toMatchObject({ state: 'succeeded' });
    await waitFor('a log line about it', () =>
      lines().some(({ fields }) => fields['msg'] === 'could not send traces'),
    );
    await Promise.all([service.stop(), other.stop()]);
    // It would be 1 if a step of the shutdown failed or took too long, and null if the process was killed.
    const exits = await Promise.all([worker, service, other].map(({ process }) => process.exited));
    expect(exits.map(({ code }) => code)).toEqual([0, 0, 0]);
  } finally {
    await silent.stop();
  }
});
