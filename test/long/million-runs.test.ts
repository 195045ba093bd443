import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Run } from '../../domain/run/run.ts';
import { apiClient, request } from '../support/client.ts';
import { fromRunner, TEMPLATE_DATABASE } from '../support/environment.ts';
import { createTestDatabase, startServiceProcess } from '../support/stack.ts';

const NAME = 'million-runs';
const FEW = 1_000;
const MANY = 1_000_000;
/** The largest allowed ratio between the times of the same page with many and with few runs. */
const BOUND = 3;
const REQUESTS = 40;
const FIRST_RUN = Date.parse('2026-01-01T00:00:00Z');

/** An API whose database holds `count` runs of one job, one second apart. */
interface Side {
  count: number;
  url: string;
  jobId: string;
  stop: () => Promise<void>;
}

let few: Side;
let many: Side;

beforeAll(async () => {
  [few, many] = await Promise.all([startSide(FEW), startSide(MANY)]);
});
afterAll(async () => {
  await Promise.all([few, many].map((side) => side?.stop()));
});

async function startSide(count: number): Promise<Side> {
  const { databaseUrl, dropDatabase } = await createTestDatabase(`${NAME}-${count}`, TEMPLATE_DATABASE);
  const service = await startServiceProcess(
    'api',
    path.join(fromRunner('folder'), `${NAME}-${count}-api.log`),
    { DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: fromRunner('temporalAddress'), TEMPORAL_NAMESPACE: NAME },
  );
  const job = await apiClient(service.url).createJob({
    name: `with ${count} runs`,
    schedule: { at: '2090-01-01T00:00:00Z' },
    target: { type: 'http', url: 'https://example.com/' },
  });
  await insertRuns(databaseUrl, job.id, count);
  const stop = async () => {
    await service.stop();
    await dropDatabase();
  };
  return { count, url: service.url, jobId: job.id, stop };
}

/** A tenth of the runs has failed. Ten of them, far from each other, have timed out, and ten are manual. */
async function insertRuns(databaseUrl: string, jobId: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  // Creating indexes later is much faster than updating them. The role skips the foreign key checks.
  const { rows: indexes } = await client.query<{ indexname: string; indexdef: string }>(
    `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'runs' AND indexname <> 'runs_pkey'`,
  );
  await client.query(`DROP INDEX ${indexes.map(({ indexname }) => indexname).join(', ')}`);
  await client.query(`SET session_replication_role = replica; SET maintenance_work_mem = '256MB'`);
  await client.query(
    `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, started_at, ended_at, state,
       workflow_id)
     SELECT gen_random_uuid(), $1::uuid, 'default', 1,
       CASE WHEN number % ($2::integer / 10) = 33 THEN 'manual' ELSE 'schedule' END, due, due, due,
       CASE WHEN number % ($2::integer / 10) = 66 THEN 'timedOut' WHEN number % 10 = 0 THEN 'failed' ELSE 'succeeded' END,
       'scheduler-job-' || $1::uuid || '-' || number
     FROM (
       SELECT number, $3::timestamptz + number * interval '1 s' AS due
       FROM generate_series(0, $2::integer - 1) AS number
     ) AS occurrences`,
    [jobId, count, new Date(FIRST_RUN)],
  );
  for (const { indexdef } of indexes) await client.query(indexdef);
  await client.query('VACUUM (ANALYZE) runs');
  await client.end();
}

interface RunPage {
  items: Run[];
  nextCursor: string | null;
}

async function read(url: string): Promise<RunPage> {
  const { status, body } = await request<RunPage>(url);
  expect(status).toBe(200);
  return body;
}

/** The path of a page of all runs, found by following the pages before it. */
async function findPage(side: Side, page: number): Promise<string> {
  let place = '/runs?limit=2';
  for (let before = 1; before < page; before++) {
    const { nextCursor } = await read(side.url + place);
    place = `/runs?limit=2&cursor=${nextCursor}`;
  }
  return place;
}

/** The path of a page that starts in the middle of a time window that holds all runs. */
async function findMiddle(side: Side): Promise<string> {
  const [middle, end] = [500, 1_000].map((ms) => new Date(FIRST_RUN + side.count * ms).toISOString());
  const { nextCursor } = await read(`${side.url}/runs?limit=1&to=${middle}`);
  return `/runs?limit=2&to=${end}&cursor=${nextCursor}`;
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

/** The median time of the same page on both sides, in milliseconds. */
async function measure(pathOf: (side: Side) => string): Promise<[few: number, many: number]> {
  const times = new Map<Side, number[]>([few, many].map((side) => [side, []]));
  for (let round = 0; round < REQUESTS; round++)
    for (const [side, taken] of times) {
      const began = performance.now();
      await read(side.url + pathOf(side));
      taken.push(performance.now() - began);
    }
  return [median(times.get(few) as number[]), median(times.get(many) as number[])];
}

test(`a page of ${MANY} runs takes no longer than one of ${FEW}, on the first and the 500th page, with every filter`, async () => {
  const [ofFew, ofMany] = await Promise.all([findPage(few, 500), findPage(many, 500)]);
  for (const [side, place] of [[few, ofFew] as const, [many, ofMany] as const]) {
    const { items } = await read(side.url + place);
    expect(items.map((run) => Date.parse(run.scheduledAt) - FIRST_RUN)).toEqual(
      [999, 1_000].map((position) => (side.count - position) * 1_000),
    );
  }
  const [middleOfFew, middleOfMany] = await Promise.all([findMiddle(few), findMiddle(many)]);
  const window = 'from=2026-01-01T00:05:00Z&to=2026-01-01T00:10:00Z';
  const pages: [string, (side: Side) => string][] = [
    ['the first page', () => '/runs?limit=2'],
    ['page 500', (side) => (side === few ? ofFew : ofMany)],
    ['a rare state', () => '/runs?limit=2&state=timedOut'],
    ['a rare and a frequent state', () => '/runs?limit=2&state=timedOut,failed'],
    ['a rare trigger', () => '/runs?limit=2&trigger=manual'],
    ['a window of time', () => `/runs?limit=2&${window}`],
    ['the middle of a window', (side) => (side === few ? middleOfFew : middleOfMany)],
    ['of a job', ({ jobId }) => `/jobs/${jobId}/runs?limit=2`],
    ['a rare state of a job', ({ jobId }) => `/jobs/${jobId}/runs?limit=2&state=timedOut`],
    ['a rare trigger of a job', ({ jobId }) => `/jobs/${jobId}/runs?limit=2&trigger=manual`],
  ];
  const figures: string[] = [];
  const ratios: Record<string, number> = {};
  for (const [name, pathOf] of pages) {
    for (const side of [few, many]) expect((await read(side.url + pathOf(side))).items).toHaveLength(2);
    const [fewMs, manyMs] = await measure(pathOf);
    ratios[name] = manyMs / fewMs;
    figures.push(`${name}: ${fewMs.toFixed(1)} ms and ${manyMs.toFixed(1)} ms`);
  }
  console.log(`Medians with ${FEW} and with ${MANY} runs:\n${figures.join('\n')}`);
  expect(Object.entries(ratios).filter(([, ratio]) => ratio > BOUND)).toEqual([]);
});
