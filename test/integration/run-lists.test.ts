import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import type { Run, Trigger } from '../../domain/run/run.ts';
import type { RunState } from '../../domain/run/run-state.ts';
import { apiClient, request, type ApiAnswer } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';

interface RunPage {
  items: Run[];
  nextCursor: string | null;
}

let stack: Stack;
let url: string;
let kept: string;
let deleted: string;

/** The runs of each job by nominal time: two at each minute except the last, so that ids decide their order too. */
const RUNS: [minute: number, state: RunState, trigger: Trigger][] = [
  [0, 'succeeded', 'schedule'],
  [0, 'failed', 'manual'],
  [1, 'failed', 'schedule'],
  [1, 'succeeded', 'manual'],
  [2, 'timedOut', 'schedule'],
  [2, 'skipped', 'backfill'],
  [3, 'failed', 'schedule'],
  [3, 'failed', 'backfill'],
  [4, 'missed', 'schedule'],
];
const minuteOf = (run: Run) => new Date(run.scheduledAt).getUTCMinutes();
const describeRun = (run: Run) => `${minuteOf(run)} ${run.state} ${run.trigger}`;
const instant = (minute: number) => `2026-01-01T09:0${minute}:00Z`;

beforeAll(async () => {
  stack = await createStack('run-lists');
  ({ url } = await stack.startApi());
  const api = apiClient(url);
  const createJob = async (name: string) => {
    const { id } = await api.createJob({
      name,
      schedule: { at: '2090-01-01T00:00:00Z' },
      target: { type: 'http', url: 'https://example.com/' },
    });
    for (const [minute, state, trigger] of RUNS)
      await stack.db.query(
        `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, ended_at, state, workflow_id)
         VALUES (gen_random_uuid(), $1, 'default', 1, $2, $3, $3, $4, 'none')`,
        [id, trigger, instant(minute), state],
      );
    return id;
  };
  kept = await createJob('kept');
  deleted = await createJob('deleted');
  await api.deleteJob(deleted);
});
afterAll(() => stack.stop());

const listsOf = (): [path: string, jobs: string[]][] => [
  ['/runs', [kept, deleted]],
  [`/jobs/${kept}/runs`, [kept]],
  [`/runs?jobId=${kept}`, [kept]],
  [`/runs?jobId=${deleted}`, [deleted]],
];
/** Adds to the query of a path. */
const withQuery = (path: string, query: string) => `${path}${path.includes('?') ? '&' : '?'}${query}`;

/** All runs of a list and the number of its pages. Follows its links only. */
async function follow(path: string): Promise<{ runs: Run[]; pages: number }> {
  const runs: Run[] = [];
  let pages = 0;
  for (let next: string | undefined = path; next !== undefined; pages++) {
    const { status, headers, body }: ApiAnswer<RunPage> = await request(url + next);
    expect({ status, body }).toMatchObject({ status: 200 });
    runs.push(...body.items);
    next = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
    expect(next !== undefined).toBe(body.nextCursor !== null);
  }
  return { runs, pages };
}

describe('a list of runs', () => {
  test.each<[string, (run: (typeof RUNS)[number]) => boolean]>([
    ['', () => true],
    ['state=failed', ([, state]) => state === 'failed'],
    ['state=failed,timedOut', ([, state]) => ['failed', 'timedOut'].includes(state)],
    ['state=failed,failed', ([, state]) => state === 'failed'],
    ['state=failed%2Cmissed%2Csucceeded', ([, state]) => ['failed', 'missed', 'succeeded'].includes(state)],
    ['state=running,queued', () => false],
    ['trigger=schedule', ([, , trigger]) => trigger === 'schedule'],
    ['trigger=manual', ([, , trigger]) => trigger === 'manual'],
    ['trigger=backfill&state=failed,skipped', ([, , trigger]) => trigger === 'backfill'],
    [`from=${instant(1)}`, ([minute]) => minute >= 1],
    [`to=${instant(3)}`, ([minute]) => minute < 3],
    [`from=${instant(1)}&to=${instant(3)}`, ([minute]) => minute >= 1 && minute < 3],
    ['from=2026-01-01T09:03:00.001Z', ([minute]) => minute >= 4],
    ['to=2026-01-01T09:03:00.001Z', ([minute]) => minute <= 3],
    ['from=2026-01-01T10:03:00%2B01:00', ([minute]) => minute >= 3],
    ['from=2026-01-01T10:03:00+01:00', ([minute]) => minute >= 3],
    [
      `state=failed,succeeded&trigger=schedule&from=${instant(0)}&to=${instant(3)}`,
      ([minute, state, trigger]) =>
        minute < 3 && ['failed', 'succeeded'].includes(state) && trigger === 'schedule',
    ],
  ])('with %p holds the matching runs, the latest first, with any page size', async (query, isWanted) => {
    for (const [path, jobs] of listsOf()) {
      const wanted = jobs
        .flatMap(() => RUNS.filter(isWanted))
        .map(([minute, state, trigger]) => `${minute} ${state} ${trigger}`);
      const { runs: all } = await follow(withQuery(path, query));
      expect(all.map(describeRun).sort()).toEqual(wanted.sort());
      expect(new Set(all.map((run) => run.jobId))).toEqual(new Set(wanted.length > 0 ? jobs : []));
      const keys = all.map((run) => `${minuteOf(run)} ${run.id}`);
      expect(keys).toEqual([...keys].sort().reverse());
      for (const limit of [1, 2, 3]) {
        const { runs, pages } = await follow(withQuery(path, `limit=${limit}&${query}`));
        expect(runs).toEqual(all);
        expect(pages).toBe(Math.max(1, Math.ceil(all.length / limit)));
      }
    }
  });

  test('accepts the cursor of a list with other filters as a position', async () => {
    for (const [path, jobs] of listsOf()) {
      const cursor = (await request<RunPage>(url + withQuery(path, `limit=${3 * jobs.length}`))).body
        .nextCursor;
      const after = async (query: string) =>
        (await follow(withQuery(path, `cursor=${cursor}&${query}`))).runs.map(minuteOf);
      const twice = (minutes: number[]) => minutes.flatMap((minute) => jobs.map(() => minute));
      expect(await after('state=failed')).toEqual(twice([1, 0]));
      expect(await after(`to=${instant(2)}`)).toEqual(twice([1, 1, 0, 0]));
      expect(await after(`to=${instant(4)}&from=${instant(1)}`)).toEqual(twice([2, 2, 1, 1]));
      expect(await after(`from=${instant(4)}`)).toEqual([]);
    }
  });

  test('is answered with 404 for a job that does not exist, or no longer', async () => {
    for (const id of [deleted, '01a2047b-f3bf-75a1-b4d3-c8083758e9d4'])
      expect((await request(`${url}/jobs/${id}/runs?state=failed`)).status).toBe(404);
  });

  test('with the id of a deleted job holds its runs, and is empty for an unknown job', async () => {
    const { runs } = await follow(`/runs?jobId=${deleted}`);
    expect(runs).toHaveLength(RUNS.length);
    expect(await follow('/runs?jobId=01a2047b-f3bf-75a1-b4d3-c8083758e9d4')).toEqual({ runs: [], pages: 1 });
  });

  test('is empty for a job of another namespace', async () => {
    const { id } = await apiClient(url).createJob({
      name: 'of others',
      schedule: { at: '2090-01-01T00:00:00Z' },
      target: { type: 'http', url: 'https://example.com/' },
    });
    await stack.db.query(
      `INSERT INTO runs (id, job_id, namespace, job_generation, trigger, scheduled_at, state, workflow_id)
       VALUES (gen_random_uuid(), $1, 'default', 1, 'manual', now(), 'queued', 'none')`,
      [id],
    );
    expect((await follow(`/runs?jobId=${id}`)).runs).toHaveLength(1);
    await stack.db.query(`UPDATE runs SET namespace = 'elsewhere' WHERE job_id = $1`, [id]);
    expect((await follow(`/runs?jobId=${id}`)).runs).toEqual([]);
  });

  test.each(['', 'x', '01a2047b', `${'0'.repeat(36)}`])(
    'with the invalid job id %p is refused',
    async (jobId) => {
      const { status, body } = await request<Problem>(`${url}/runs?jobId=${jobId}`);
      expect({ status, body }).toMatchObject({
        status: 422,
        body: { errors: [{ path: 'jobId', message: 'is not the id of a job; ids are UUIDs' }] },
      });
    },
  );

  test('with two job ids is refused, and so is a job id in the list of one job', async () => {
    for (const path of [`/runs?jobId=${kept}&jobId=${deleted}`, `/jobs/${kept}/runs?jobId=${kept}`])
      expect((await request<Problem>(url + path)).body).toMatchObject({ errors: [{ path: 'jobId' }] });
  });
});
