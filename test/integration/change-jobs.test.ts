import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import type { Job } from '../../domain/job/job.ts';
import { apiClient, httpTargetOf, request } from '../support/client.ts';
import { untilSynced } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('change-jobs');
  // The worker syncs what Temporal was too busy for.
  [{ url }] = await Promise.all([stack.startApi(), stack.startWorker()]);
  api = apiClient(url);
});
afterAll(() => stack.stop());

const job = (name: string) => ({
  name,
  description: 'as it was',
  labels: { team: 'billing', tier: '1' },
  schedule: { cron: '0 9 * * MON', timeZone: 'Europe/Berlin' },
  target: { type: 'http', url: 'https://example.com/hooks/report', body: { z: 1, a: [2, 'x'] } },
  policy: { overlap: 'allowAll', pauseAfterFailures: 3 },
  timeout: '1h',
});
const change = <Body = Job>(
  method: string,
  id: string,
  body?: unknown,
  headers: Record<string, string> = {},
) => request<Body>(`${url}/jobs/${id}`, method, body, headers);
const describeSchedule = (id: string) => stack.temporal.schedule.getHandle(`scheduler-job-${id}`).describe();
const faultsOf = ({ body }: { body: Problem }) => body.errors?.map(({ path, code }) => [path, code]);

describe('PUT /jobs/{id}', () => {
  test('replaces the whole definition, also in Temporal; omitted fields get their defaults', async () => {
    const { id, createdAt } = await api.createJob(job('replaced'));
    const answer = await change('PUT', id, {
      name: 'replaced anew',
      schedule: { every: '1h' },
      target: { type: 'http', url: 'https://example.com/other' },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toBe('"2"');
    expect(answer.body).toMatchObject({
      id,
      name: 'replaced anew',
      description: '',
      labels: {},
      schedule: { every: '1h', summary: 'Every 1h' },
      policy: { overlap: 'skip', catchupWindow: '1h', onCompletion: 'keep' },
      createdAt,
    });
    expect(answer.body.policy).not.toHaveProperty('pauseAfterFailures');
    expect(answer.body).not.toHaveProperty('timeout');
    const synced = await untilSynced(api, id);
    expect(synced.sync).toMatchObject({ generation: 2, observedGeneration: 2 });
    expect(synced).toEqual({ ...answer.body, sync: synced.sync });
    const schedule = await describeSchedule(id);
    expect(schedule.spec).toMatchObject({ intervals: [{ every: 3_600_000 }] });
    expect(schedule.spec.calendars ?? []).toEqual([]);
    expect(schedule.action.args).toEqual([{ jobId: id, generation: 2, trigger: 'schedule' }]);
    // The old name can be used again.
    await api.createJob(job('replaced'));
  });

  test('makes no new generation if nothing changes', async () => {
    const { id } = await api.createJob(job('same'));
    const answer = await change('PUT', id, job('same'));
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"1"']);
    expect((await api.listRevisions(id)).items).toHaveLength(1);
  });

  test('refuses what POST refuses, and never creates a job', async () => {
    const { id } = await api.createJob(job('refused'));
    await api.createJob(job('taken'));
    const taken = await change<Problem>('PUT', id, job('taken'));
    expect([taken.status, taken.body.code]).toEqual([409, 'name_taken']);
    const past = { ...job('refused'), schedule: { at: '2020-01-01T00:00:00Z' } };
    const never = await change<Problem>('PUT', id, past);
    expect([never.status, faultsOf(never)?.[0]?.[0]]).toEqual([422, 'schedule.at']);
    const asAnswered = await change<Problem>('PUT', id, await api.getJob(id));
    expect(asAnswered.status).toBe(422);
    expect((await api.getJob(id)).sync.generation).toBe(1);
    expect((await change('PUT', '01a2047b-f3bf-75a1-b4d3-c8083758e9d4', job('nowhere'))).status).toBe(404);
    expect((await api.listJobs('?name=nowhere')).items).toEqual([]);
  });
});

describe('PATCH /jobs/{id}', () => {
  test('merges: null removes, objects are merged, everything else is replaced', async () => {
    const created = await api.createJob(job('patched'));
    const patch = {
      description: null,
      labels: { tier: null, stage: 'live' },
      target: { body: { a: null, b: true }, headers: { 'X-One': '1' } },
      policy: { pauseAfterFailures: null },
      timeout: null,
    };
    const answer = await change('PATCH', created.id, patch, {
      'content-type': 'application/merge-patch+json',
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      description: '',
      labels: { team: 'billing', stage: 'live' },
      schedule: created.schedule,
      policy: { overlap: 'allowAll' },
    });
    expect((await untilSynced(api, created.id)).sync).toMatchObject({ generation: 2, observedGeneration: 2 });
    expect(answer.body.labels).not.toHaveProperty('tier');
    expect(answer.body.policy).not.toHaveProperty('pauseAfterFailures');
    expect(answer.body).not.toHaveProperty('timeout');
    expect(JSON.stringify(httpTargetOf(answer.body).body)).toBe('{"z":1,"b":true}');
    expect(httpTargetOf(answer.body).headers).toEqual({ 'X-One': '1' });
  });

  test('changes the kind of a schedule when the fields of the old kind are removed', async () => {
    const { id } = await api.createJob(job('other-kind'));
    const mixed = await change<Problem>('PATCH', id, { schedule: { every: '5m' } });
    expect([mixed.status, faultsOf(mixed)?.[0]?.[0]]).toEqual([422, 'schedule']);
    const schedule = { cron: null, dayMatch: null, dst: null, every: '5m' };
    expect((await api.patchJob(id, { schedule })).schedule.summary).toBe('Every 5m');
    expect((await describeSchedule(id)).spec).toMatchObject({ intervals: [{ every: 300_000 }] });
  });

  test('names every error of the result, including read-only and unknown fields', async () => {
    const { id } = await api.createJob(job('faulty'));
    const answer = await change<Problem>('PATCH', id, {
      id: null,
      state: 'paused',
      colour: null,
      schedule: { cron: '0 25 * * *' },
      policy: { overlap: 'never' },
      target: { url: 'example' },
    });
    expect(answer.status).toBe(422);
    expect(faultsOf(answer)?.sort()).toEqual([
      ['colour', 'unknown_field'],
      ['id', 'unknown_field'],
      ['policy.overlap', 'invalid_value'],
      ['schedule.cron', 'custom'],
      ['state', 'unknown_field'],
      ['target.url', 'custom'],
    ]);
    const noName = await change<Problem>('PATCH', id, { name: null });
    expect([noName.status, faultsOf(noName)]).toEqual([422, [['name', 'required']]]);
    expect((await api.getJob(id)).sync.generation).toBe(1);
  });

  test('changes nothing if it is empty or repeats the current values', async () => {
    const { id } = await api.createJob(job('unmoved'));
    expect((await api.patchJob(id, {})).sync.generation).toBe(1);
    expect((await api.patchJob(id, { labels: { team: 'billing' } })).sync.generation).toBe(1);
  });

  test('applies all patches that arrive at the same time', async () => {
    const { id } = await api.createJob({ ...job('crowded'), labels: {} });
    const keys = Array.from({ length: 20 }, (_, index) => `lane${index}`);
    await Promise.all(keys.map((key) => api.patchJob(id, { labels: { [key]: 'x' } })));
    const { labels, sync } = await untilSynced(api, id);
    expect(Object.keys(labels).sort()).toEqual(keys.sort());
    expect(sync.generation).toBe(21);
  });

  test('keeps a job within the size of one request, however many patches it takes', async () => {
    const { id } = await api.createJob(job('growing'));
    await api.patchJob(id, { target: { body: { one: 'x'.repeat(700_000) } } });
    const answer = await change<Problem>('PATCH', id, { target: { body: { two: 'x'.repeat(700_000) } } });
    expect([answer.status, faultsOf(answer)]).toEqual([422, [['', 'too_large']]]);
    await api.patchJob(id, { target: { body: { one: null } } });
  });

  test('changes a label of a job whose last occurrence has passed; the job is still completed', async () => {
    const at = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 1_000).toISOString();
    const { id } = await api.createJob({ ...job('passing'), schedule: { at } });
    while (Date.now() < Date.parse(at) + 100) await api.getJob(id);
    expect((await api.patchJob(id, { labels: { late: 'yes' } })).labels).toMatchObject({ late: 'yes' });
    const { rows } = await stack.db.query<{ finishes_at: Date }>(
      'SELECT finishes_at FROM jobs WHERE id = $1',
      [id],
    );
    expect(rows[0]?.finishes_at.toISOString()).toBe(at);
  });
});

describe('If-Match', () => {
  test('refuses a change of a job that has changed since it was read', async () => {
    const { id } = await api.createJob(job('guarded'));
    const first = await change('PATCH', id, { description: 'one' }, { 'if-match': '"1"' });
    expect([first.status, first.headers.get('etag')]).toEqual([200, '"2"']);
    for (const [method, path, body] of [
      ['PATCH', '', { description: 'two' }],
      ['PUT', '', job('guarded')],
      ['DELETE', '', undefined],
      ['POST', '/pause', undefined],
      ['POST', '/resume', undefined],
    ] as const) {
      const answer = await request<Problem>(`${url}/jobs/${id}${path}`, method, body, { 'if-match': '"1"' });
      expect([method + path, answer.status, answer.body.code]).toEqual([
        method + path,
        412,
        'precondition_failed',
      ]);
      expect(answer.body.detail).toContain('"2"');
    }
    expect(await api.getJob(id)).toMatchObject({
      description: 'one',
      state: 'active',
      sync: { generation: 2 },
    });
  });

  test.each([
    ['*', 200],
    ['"1"', 200],
    ['"7", "1"', 200],
    [', "7",,"1" ,', 200],
    ['"7"', 412],
    ['W/"1"', 412],
    ['"a,b", ""', 412],
  ])('%s is answered with %d', async (ifMatch, status) => {
    const { id } = await api.createJob(job(`matched ${ifMatch}`));
    const answer = await change('PATCH', id, { description: 'x' }, { 'if-match': ifMatch });
    expect(answer.status).toBe(status);
  });

  test.each(['1', '"1', '', '*, "1"', '"1" "2"', 'w/"1"'])(
    '%j is not a list of ETags, and refused',
    async (ifMatch) => {
      const { id } = await api.createJob(job(`malformed [${ifMatch}]`));
      const answer = await change<Problem>('PATCH', id, { description: 'x' }, { 'if-match': ifMatch });
      expect([answer.status, faultsOf(answer)?.[0]?.[0]]).toEqual([422, 'If-Match']);
      expect((await api.getJob(id)).sync.generation).toBe(1);
    },
  );

  test('lets one of many writers of the same generation win', async () => {
    const { id } = await api.createJob(job('contested'));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        change('PATCH', id, { description: `by ${index}` }, { 'if-match': '"1"' }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(19).fill(412)]);
    expect((await api.getJob(id)).sync.generation).toBe(2);
  });

  test('lets DELETE with the current ETag delete', async () => {
    const { id } = await api.createJob(job('deletable'));
    expect((await change('DELETE', id, undefined, { 'if-match': '"1"' })).status).toBe(204);
    expect((await change('DELETE', id, undefined, { 'if-match': '*' })).status).toBe(404);
  });
});

describe('states', () => {
  test('a paused job stays paused', async () => {
    const { id } = await api.createJob(job('paused'));
    await request(`${url}/jobs/${id}/pause`, 'POST', { reason: 'maintenance' });
    const answer = await api.patchJob(id, { schedule: { cron: '0 10 * * MON' } });
    expect(answer).toMatchObject({ state: 'paused', pause: { reason: 'maintenance' } });
    expect((await describeSchedule(id)).state.paused).toBe(true);
  });

  test('a new schedule makes a completed job active again; a new label does not', async () => {
    const { id } = await api.createJob({ ...job('done'), schedule: { at: '2099-01-01T00:00:00Z' } });
    // The state in which the reconciler leaves it after the last occurrence.
    await stack.temporal.schedule.getHandle(`scheduler-job-${id}`).delete();
    await stack.db.query(`UPDATE jobs SET state = 'completed', schedule_put_at = NULL WHERE id = $1`, [id]);
    expect((await api.patchJob(id, { labels: { more: 'x' } })).state).toBe('completed');
    const reopened = await api.patchJob(id, { schedule: { at: '2099-06-01T00:00:00Z' } });
    expect(reopened).toMatchObject({
      state: 'active',
      status: { nextRunAt: '2099-06-01T00:00:00Z' },
    });
    expect((await untilSynced(api, id)).sync.generation).toBe(3);
    expect((await describeSchedule(id)).action.args).toEqual([
      { jobId: id, generation: 3, trigger: 'schedule', timeoutMs: 3_600_000 },
    ]);
    expect((await api.listRevisions(id)).items[0]?.changes).toMatchObject({
      state: { before: 'completed', after: 'active' },
    });
  });
});

describe('GET /jobs/{id}/revisions', () => {
  test('tells who changed what and when, in pages, also for a deleted job', async () => {
    const { id } = await api.createJob(job('watched'));
    await api.patchJob(id, { labels: { team: 'sales' }, timeout: null });
    await request(`${url}/jobs/${id}/pause`, 'POST', { reason: 'maintenance' });
    await request(`${url}/jobs/${id}/resume`, 'POST');
    await api.deleteJob(id);

    const first = await api.listRevisions(id, '?limit=2');
    const second = await api.listRevisions(id, `?limit=2&cursor=${first.nextCursor}`);
    const third = await api.listRevisions(id, `?limit=2&cursor=${second.nextCursor}`);
    expect(third.nextCursor).toBeNull();
    const revisions = [...first.items, ...second.items, ...third.items];
    expect(revisions.map(({ generation, by, action }) => [generation, by, action])).toEqual([
      [5, 'api', 'deleted'],
      [4, 'api', 'resumed'],
      [3, 'api', 'paused'],
      [2, 'api', 'changed'],
      [1, 'api', 'created'],
    ]);
    expect(revisions[3]?.changes).toEqual({
      labels: { before: { team: 'billing', tier: '1' }, after: { team: 'sales', tier: '1' } },
      timeout: { before: '1h', after: null },
    });
    for (const { at } of revisions) expect(Math.abs(Date.now() - Date.parse(at))).toBeLessThan(600_000);
    expect((await request(`${url}/jobs/01a2047b-f3bf-75a1-b4d3-c8083758e9d4/revisions`)).status).toBe(404);
  });
});

test('only PATCH accepts a merge patch, and Accept-Patch says so', async () => {
  const { id } = await api.createJob(job('typed'));
  const put = await change<Problem>('PUT', id, job('typed'), {
    'content-type': 'application/merge-patch+json',
  });
  expect(put.status).toBe(415);
  expect(put.body.detail).toMatch(/application\/json\.$/);
  const patch = await change<Problem>('PATCH', id, [], { 'content-type': 'application/json-patch+json' });
  expect(patch.status).toBe(415);
  expect(patch.body.detail).toContain('application/merge-patch+json or application/json');
  expect(patch.headers.get('accept-patch')).toBe('application/merge-patch+json, application/json');
});

describe('a job whose stored schedule this version cannot evaluate', () => {
  const createUnknown = async (name: string) => {
    const { id } = await api.createJob(job(name));
    await stack.db.query(
      `UPDATE jobs SET schedule = '{"cron":"0 * * * *","timeZone":"Mars/Olympus"}' WHERE id = $1`,
      [id],
    );
    return id;
  };
  const state = (id: string, verb: string) => request<Job>(`${url}/jobs/${id}/${verb}`, 'POST');

  test('can be given another schedule', async () => {
    const id = await createUnknown('mended');
    const { status, body } = await change('PUT', id, { ...job('mended'), schedule: { every: '1h' } });
    expect([status, body.schedule]).toEqual([200, expect.objectContaining({ every: '1h' })]);
    expect((await untilSynced(api, id)).sync.error).toBeNull();
  });

  test('can be paused, resumed and deleted', async () => {
    const id = await createUnknown('unknown');
    expect(await state(id, 'pause')).toMatchObject({ status: 200, body: { state: 'paused' } });
    expect(await state(id, 'resume')).toMatchObject({ status: 200, body: { state: 'active' } });
    expect((await change('DELETE', id)).status).toBe(204);
    expect((await change('GET', id)).status).toBe(404);
  });
});
