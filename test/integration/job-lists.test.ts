import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Job } from '../../domain/job/job.ts';
import { apiClient, request, type ApiAnswer } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { withRevisions } from '../support/with-revisions.ts';
import type { Problem } from '../../api/rest/problem.ts';

interface JobPage {
  items: Job[];
  nextCursor: string | null;
}

let stack: Stack;
let url: string;
let api: ReturnType<typeof apiClient>;

/** By name, in the order of their creation. */
const LABELS: Record<string, Record<string, string>> = {
  'Weekly report': { team: 'billing', stage: 'prod' },
  'weekly_report 2': { team: 'billing' },
  '100% of é': { team: 'sales', stage: 'prod', 'example.com/Cost-Center_1': 'a=b' },
  '100 parts': { stage: '' },
  ÜBERSICHT: { team: 'ä' },
  'übersicht (alt) [1]': {},
};
const NAMES = Object.keys(LABELS);

beforeAll(async () => {
  stack = await createStack('job-lists');
  ({ url } = await stack.startApi());
  api = apiClient(url);
  for (const [name, labels] of Object.entries(LABELS)) await api.createJob(jobOf(name, { labels }));
  const gone = await api.createJob(jobOf('weekly but deleted', { labels: { team: 'billing' } }));
  await api.deleteJob(gone.id);
});
afterAll(() => stack.stop());

const jobOf = (name: string, more: object = {}) => ({
  name,
  schedule: { at: '2090-01-01T00:00:00Z' },
  target: { type: 'http', url: 'https://example.com/' },
  ...more,
});

/** All jobs of a list. Follows its links only. */
async function follow(query: string): Promise<Job[]> {
  const jobs: Job[] = [];
  for (let next: string | undefined = `/jobs?${query}`; next !== undefined;) {
    const { status, headers, body }: ApiAnswer<JobPage> = await request(url + next);
    expect({ status, body }).toMatchObject({ status: 200 });
    jobs.push(...body.items);
    next = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
  }
  return jobs;
}

const namesOf = (jobs: Job[]) => jobs.map(({ name }) => name);
const queryOf = (...fields: [name: string, value: string][]) => new URLSearchParams(fields).toString();

describe('a list of jobs', () => {
  test.each<[string, [string, string][], string[]]>([
    ['a label', [['label', 'team=billing']], ['weekly_report 2', 'Weekly report']],
    [
      'several labels, all of which must match',
      [
        ['label', 'team=billing'],
        ['label', 'stage=prod'],
      ],
      ['Weekly report'],
    ],
    [
      'two values of one label, which match no job',
      [
        ['label', 'team=billing'],
        ['label', 'team=sales'],
      ],
      [],
    ],
    ['a label key', [['label', 'stage']], ['100 parts', '100% of é', 'Weekly report']],
    ['an empty value', [['label', 'stage=']], ['100 parts']],
    ['a value with an equals sign', [['label', 'example.com/Cost-Center_1=a=b']], ['100% of é']],
    ['a value that is not normalized', [['label', 'team=a\u0308']], ['ÜBERSICHT']],
    ['a label that is only similar', [['label', 'Team=billing']], []],
    ['a prefix of a value', [['label', 'team=bill']], []],
    ['a text', [['q', 'report']], ['weekly_report 2', 'Weekly report']],
    ['a text in other case', [['q', 'WEEKLY R']], ['Weekly report']],
    ['a text beyond ASCII', [['q', 'überSicht']], ['übersicht (alt) [1]', 'ÜBERSICHT']],
    ['a text that is not normalized', [['q', 'E\u0301']], ['100% of é']],
    ['a wildcard', [['q', '100%']], ['100% of é']],
    ['another wildcard', [['q', 'y_r']], ['weekly_report 2']],
    ['characters with a meaning in a pattern', [['q', '(ALT) [1]']], ['übersicht (alt) [1]']],
    ['a pattern', [['q', '.*']], []],
    ['a backslash', [['q', '\\']], []],
    ['a director of a PostgreSQL regular expression', [['q', '***=']], []],
    [
      'all filters at once',
      [
        ['q', 'weekly'],
        ['label', 'team'],
        ['label', 'stage=prod'],
        ['state', 'active'],
        ['sync', 'synced'],
        ['name', 'Weekly report'],
      ],
      ['Weekly report'],
    ],
  ])('filters by %s, with any page size', async (_, fields, wanted) => {
    for (const limit of ['1', '2', '50'])
      expect(namesOf(await follow(queryOf(...fields, ['limit', limit])))).toEqual(wanted);
  });

  test('without a filter holds all jobs, newest first', async () => {
    expect(namesOf(await follow('limit=4'))).toEqual([...NAMES].reverse());
  });

  test.each([
    ['label=', 'label[0]', /its key: a label key has 1 to 63/],
    ['label=%3Dbilling', 'label[0]', /write key=value/],
    ['label=te%20am=x', 'label[0]', /"te am=x" is no label/],
    ['label=team=a&label=-x', 'label[1]', /its key/],
    [`label=team=${'x'.repeat(201)}`, 'label[0]', /its value: must be at most 200/],
    ['label=team=%E2%80%AEx', 'label[0]', /its value: holds U\+202E/],
    [Array.from({ length: 65 }, (_, index) => `label=k${index}`).join('&'), 'label', /at most 64/],
    ['q=', 'q', /at least 1/],
    [`q=${'x'.repeat(201)}`, 'q', /at most 200/],
    ['q=a&q=b', 'q', /must be a string, not an array/],
    ['sync=failed', 'sync', /"pending" or "synced" or "error"/],
    ['state=active&sync=', 'sync', /"pending"/],
    ['labels=team', 'labels', /misspelt/],
  ])('with %s is refused with an explanation', async (query, path, message) => {
    const { status, body } = await request<Problem>(`${url}/jobs?${query}`);
    expect({ status, body }).toMatchObject({ status: 422, body: { errors: [{ path }] } });
    expect(body.errors?.[0]?.message).toMatch(message);
  });
});

test('with sync=error finds jobs that Temporal refuses, with the reason and what happens next', async () => {
  const { id } = await api.createJob(jobOf('refused', { schedule: { every: '1h' } }));
  const change = (column: string) =>
    stack.db.query(withRevisions(`UPDATE jobs SET ${column}, generation = generation + 1 WHERE id = $1`), [
      id,
    ]);
  expect(await follow('sync=pending')).toEqual([]);
  await change(`sync_error = NULL`);
  expect(namesOf(await follow('sync=pending'))).toEqual(['refused']);
  expect(await follow('sync=error')).toEqual([]);
  expect(namesOf(await follow('sync=synced'))).not.toContain('refused');

  const everyIs = (every: string) =>
    change(`schedule = jsonb_set(schedule::jsonb, '{every}', '"${every}"')::json, schedule_put_at = NULL`);
  await stack.temporal.schedule.getHandle(`scheduler-job-${id}`).delete();
  await everyIs('500ms');
  const { sync } = await api.pauseJob(id);
  expect(sync).toMatchObject({ state: 'error', observedGeneration: 1 });
  expect(sync.error).toMatch(
    /^The schedule is not in force: Temporal refuses it: Invalid schedule spec: interval is too small\. It is tried again at \d{4}-\d\d-\d\dT[\d:.]+Z, and with every change of the job\.$/,
  );
  expect(sync.error).not.toMatch(/scheduler-job-|\n|rpc error|Error:/);
  const listed = await follow(queryOf(['sync', 'error'], ['q', 'REFUSED'], ['state', 'paused']));
  expect(listed.map((job) => job.sync)).toEqual([sync]);
  expect(await follow('sync=pending')).toEqual([]);

  await everyIs('1h');
  expect((await api.resumeJob(id)).sync).toMatchObject({ state: 'synced', error: null });
  expect(await follow('sync=error')).toEqual([]);
});
