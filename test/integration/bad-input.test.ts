import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import { createStack, type Stack } from '../support/stack.ts';

const ABSENT = '01a2047b-f3bf-75a1-b4d3-c8083758e9d4';

let stack: Stack;
let url: string;

beforeAll(async () => {
  stack = await createStack('bad-input');
  ({ url } = await stack.startApi());
});
afterAll(() => stack.stop());

const good = {
  name: 'good',
  schedule: { every: '5m' },
  target: { type: 'http', url: 'https://example.com/' },
};
const withSchedule = (schedule: unknown) => ({ ...good, schedule });
const withTarget = (target: object) => ({ ...good, target: { ...good.target, ...target } });

async function send(
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = {},
) {
  const response = await fetch(url + path, {
    method,
    ...(body === undefined ? {} : { body }),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
  });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

async function countRows(): Promise<number> {
  const { rows } = await stack.db.query<{ count: string }>(
    'SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM runs) + (SELECT count(*) FROM idempotency_keys) AS count',
  );
  return Number(rows[0]?.count);
}

/** Each must be refused with the status, name the place, and change nothing. */
async function expectRefusal(
  answer: { status: number; type: string | null; text: string },
  status: number,
  path: string,
  message: RegExp,
) {
  expect({ status: answer.status, text: answer.text.slice(0, 300) }).toMatchObject({ status });
  expect(answer.type).toMatch(/^application\/problem\+json/);
  expect(answer.text).not.toMatch(/node_modules|\.ts:\d|\n\s+at /);
  const problem = JSON.parse(answer.text) as Problem;
  const places = (problem.errors ?? [{ path: '', message: problem.detail }]).map((fault) => fault.path);
  expect(places).toContain(path);
  expect(`${problem.detail} ${JSON.stringify(problem.errors ?? [])}`).toMatch(message);
  expect(await countRows()).toBe(0);
}

describe('a body that can not be read', () => {
  test.each<[string, string | Buffer | undefined, Record<string, string>, number, RegExp]>([
    ['not JSON', '{"name": ', {}, 400, /JSON/],
    ['an empty body', '', {}, 400, /empty/],
    ['no body at all', undefined, {}, 400, /empty/],
    [
      'a wrong content type',
      'name=x',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      /application\/json/,
    ],
    ['plain text', '{}', { 'content-type': 'text/plain' }, 415, /text\/plain/],
    ['no content type', Buffer.from('{}'), { 'content-type': '' }, 415, /application\/json/],
    [
      'more than a megabyte',
      JSON.stringify({ ...good, description: 'x'.repeat(1_100_000) }),
      {},
      413,
      /1048576 bytes/,
    ],
    ['bytes that are no gzip', 'hello', { 'content-encoding': 'gzip' }, 400, /JSON/],
    ['an encoding that nobody knows', '{}', { 'content-encoding': 'zip' }, 415, /Content-Encoding/],
    ['Latin-1', Buffer.from('{"name":"caf\xe9"}', 'latin1'), {}, 400, /not UTF-8/],
    ['half a character', Buffer.from([0x22, 0xe2, 0x82, 0x22]), {}, 400, /not UTF-8/],
    ['a surrogate written as UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), {}, 400, /not UTF-8/],
    ['UTF-16', Buffer.from(JSON.stringify({ name: 'x' }), 'utf16le'), {}, 400, /JSON/],
    ...['', '"utf-8', 'utf-8; charset'].map(
      (charset): [string, string, Record<string, string>, number, RegExp] => [
        `charset=${charset} as it can not be written`,
        '{}',
        { 'content-type': `application/json; charset=${charset}` },
        415,
        /no media type .*application\/json/,
      ],
    ),
    ...['iso-8859-1', 'utf-16', '"latin1"', 'ascii', 'utf-16;', '""', 'utf-8; charset=utf-16'].map(
      (charset): [string, string, Record<string, string>, number, RegExp] => [
        `charset=${charset}`,
        '{}',
        { 'content-type': `application/json; charset=${charset}` },
        415,
        /UTF-8/,
      ],
    ),
  ])('%s', async (_, body, headers, status, message) => {
    await expectRefusal(await send('POST', '/jobs', body, headers), status, '', message);
  });
});

test.each([
  'application/json;',
  'application/json; charset="UTF-8" ;',
  'Application/JSON;charset=utf8;x="a;b"',
])('%s is JSON: only what is in it is refused', async (type) => {
  await expectRefusal(await send('POST', '/jobs', '{}', { 'content-type': type }), 422, 'name', /required/);
});

const labels = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`label${index}`, 'x']));
const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

describe('a job that can not be', () => {
  test.each<[string, unknown, string, RegExp]>([
    ['null', null, '', /must be an object/],
    ['an array', [], '', /must be an object/],
    ['a number', 5, '', /must be an object/],
    ['nothing given', {}, 'name', /required/],
    ['an unknown field', { ...good, retries: 3 }, 'retries', /no such field/],
    ['an unknown field of the target', withTarget({ verb: 'GET' }), 'target.verb', /no such field/],
    [
      'an unknown policy',
      { ...good, policy: { overlap: 'never' } },
      'policy.overlap',
      /"skip" or "bufferOne"/,
    ],
    [
      'a field of the policy that there is not',
      { ...good, policy: { retries: 1 } },
      'policy.retries',
      /no such field/,
    ],
    [
      'a catchup window of 5 s',
      { ...good, policy: { catchupWindow: '5s' } },
      'policy.catchupWindow',
      /from 10s to/,
    ],
    [
      'no failures at all',
      { ...good, policy: { pauseAfterFailures: 0 } },
      'policy.pauseAfterFailures',
      /at least 1/,
    ],
    ['no runs', withSchedule({ every: '5m', maxRuns: 0 }), 'schedule.maxRuns', /at least 1/],
    [
      'a jitter of no second',
      withSchedule({ every: '5m', jitter: '10ms' }),
      'schedule.jitter',
      /out of range/,
    ],
    [
      'a date that there is not',
      withSchedule({ every: '5m', exclude: [{ date: '2027-02-30' }] }),
      'schedule.exclude[0].date',
      /not a date/,
    ],
    [
      'a range that ends before it begins',
      withSchedule({ every: '5m', exclude: [{ from: '2027-02-02', to: '2027-02-01' }] }),
      'schedule.exclude[0].to',
      /before from/,
    ],
    [
      'an exclusion by two means',
      withSchedule({ every: '5m', exclude: [{ date: '2027-02-01', cron: '@daily' }] }),
      'schedule.exclude[0]',
      /exclude each other/,
    ],
    [
      'an exclusion of everything',
      withSchedule({ every: '5m', exclude: [{ cron: '* * * * *' }] }),
      'schedule.exclude',
      /never fires/,
    ],
    [
      'a calendar with hour 24',
      withSchedule({ calendar: [{ hour: 24 }] }),
      'schedule.calendar[0].hour',
      /from 0 to 23/,
    ],
    [
      'a calendar on 30 February',
      withSchedule({ calendar: [{ dayOfMonth: 30, month: 'FEB' }] }),
      'schedule.calendar',
      /never fires/,
    ],
    [
      'a calendar with a field that there is not',
      withSchedule({ calendar: [{ hours: 9 }] }),
      'schedule.calendar[0].hours',
      /no such field/,
    ],
    [
      'an unknown rule for clock changes',
      withSchedule({ cron: '@daily', dst: { gap: 'jump' } }),
      'schedule.dst.gap',
      /"shift" or "skip"/,
    ],
    ['clock changes of an interval', withSchedule({ every: '5m', dst: {} }), 'schedule.dst', /no such field/],
    [
      'an unknown way to match days',
      withSchedule({ cron: '@daily', dayMatch: 'xor' }),
      'schedule.dayMatch',
      /"and" or "or"/,
    ],
    ['a name that is a number', { ...good, name: 5 }, 'name', /must be a string, not a number/],
    ['an empty name', { ...good, name: '' }, 'name', /at least 1 character/],
    ['a name of 201 characters', { ...good, name: 'x'.repeat(201) }, 'name', /at most 200 characters/],
    [
      'a name of nearly a megabyte',
      { ...good, name: 'x'.repeat(1_000_000) },
      'name',
      /at most 200 characters/,
    ],
    ['a name with a line break', { ...good, name: 'a\nb' }, 'name', /control characters/],
    ['a name with a NUL byte', { ...good, name: 'a\0b' }, 'name', /NUL/],
    ['a description with a NUL byte', { ...good, description: 'a\0b' }, 'description', /NUL/],
    ['half a surrogate pair', { ...good, description: '\ud800' }, 'description', /surrogate/],
    ['a NUL byte deep in the body', withTarget({ body: { a: [{ b: '\0' }] } }), 'target.body.a[0].b', /NUL/],
    ['10,000 labels', { ...good, labels }, 'labels', /at most 64 labels/],
    ['a label key with a space', { ...good, labels: { 'a b': 'x' } }, 'labels["a b"]', /label key/],
    ['a label that is no text', { ...good, labels: { a: 5 } }, 'labels.a', /must be a string/],
    ['no schedule', { ...good, schedule: {} }, 'schedule', /exactly one of/],
    ['a cron with 4 fields', withSchedule({ cron: '* * * *' }), 'schedule.cron', /expected 5 fields/],
    [
      'hour 25',
      withSchedule({ cron: '0 25 * * *' }),
      'schedule.cron',
      /hour 25 is out of range 0–23 in "0 25 \* \* \*"/,
    ],
    ['30 February', withSchedule({ cron: '0 0 30 2 *' }), 'schedule.cron', /never fires/],
    [
      'an unknown zone',
      withSchedule({ cron: '0 9 * * *', timeZone: 'Europe/Atlantis' }),
      'schedule.timeZone',
      /Europe\/Atlantis/,
    ],
    [
      'an offset for a zone',
      withSchedule({ cron: '0 9 * * *', timeZone: '+02:00' }),
      'schedule.timeZone',
      /IANA/,
    ],
    [
      'a zone that is a number',
      withSchedule({ cron: '0 9 * * *', timeZone: 2 }),
      'schedule.timeZone',
      /must be a string/,
    ],
    ['every 0s', withSchedule({ every: '0s' }), 'schedule.every', /out of range/],
    ['every -5m', withSchedule({ every: '-5m' }), 'schedule.every', /not a duration/],
    ['every 5 parsecs', withSchedule({ every: '5 parsecs' }), 'schedule.every', /not a duration/],
    ['every half a second', withSchedule({ every: '1500ms' }), 'schedule.every', /whole number of seconds/],
    [
      'an offset as long as the interval',
      withSchedule({ every: '5m', offset: '5m' }),
      'schedule.offset',
      /shorter than/,
    ],
    ['at in the past', withSchedule({ at: '2020-01-01T00:00:00Z' }), 'schedule.at', /in the past/],
    ['at without an offset', withSchedule({ at: '2030-01-01T00:00:00' }), 'schedule.at', /RFC 3339/],
    ['at on 30 February', withSchedule({ at: '2030-02-30T00:00:00Z' }), 'schedule.at', /RFC 3339/],
    ['at in the year 9999', withSchedule({ at: '9999-01-01T00:00:00Z' }), 'schedule.at', /2100/],
    [
      'endAt before startAt',
      withSchedule({ every: '5m', startAt: '2031-01-01T00:00:00Z', endAt: '2030-01-01T00:00:00Z' }),
      'schedule.endAt',
      /after startAt/,
    ],
    [
      'an end that has passed',
      withSchedule({ every: '5m', endAt: '2020-01-01T00:00:00Z' }),
      'schedule.endAt',
      /no occurrence/,
    ],
    ['a file url', withTarget({ url: 'file:///etc/passwd' }), 'target.url', /no http or https/],
    ['a url that is none', withTarget({ url: 'example' }), 'target.url', /not a URL/],
    [
      'a url with credentials',
      withTarget({ url: 'https://user:pass@example.com/' }),
      'target.url',
      /credentials/,
    ],
    [
      'a header name with a line break',
      withTarget({ headers: { 'X\r\nEvil': '1' } }),
      'target.headers["X\\r\\nEvil"]',
      /valid header name/,
    ],
    [
      'a header value beyond ISO 8859-1',
      withTarget({ headers: { 'X-A': '日本' } }),
      'target.headers["X-A"]',
      /up to U\+00FF/,
    ],
    [
      'a header value with a blank at its end',
      withTarget({ headers: { 'X-A': { secret: 'Bearer x ' } } }),
      'target.headers["X-A"].secret',
      /begin or end with a blank/,
    ],
    ['a URL with a tab', withTarget({ url: 'https://exam\tple.com/' }), 'target.url', /tab/],
    ['a URL with a blank before it', withTarget({ url: ' https://example.com/' }), 'target.url', /blank/],
    [
      'a URL with a line break at its end',
      withTarget({ url: 'https://example.com/\n' }),
      'target.url',
      /line break/,
    ],
    ['a name of blanks', { ...good, name: '   ' }, 'name', /blank/],
    ['a name that begins with a blank', { ...good, name: ' a' }, 'name', /blank/],
    ['a name with a no-break space', { ...good, name: 'a\u00a0b' }, 'name', /U\+0020/],
    ['a name that turns direction', { ...good, name: 'a\u202eb' }, 'name', /U\+202E/],
    ['a name with a zero-width space', { ...good, name: 'a\u200bb' }, 'name', /U\+200B/],
    ['a label that turns direction', { ...good, labels: { team: 'a\u2067b' } }, 'labels.team', /U\+2067/],
    [
      'a concurrency key with an invisible character',
      { ...good, policy: { maxConcurrent: 1, concurrencyKey: 'a\u00adb' } },
      'policy.concurrencyKey',
      /U\+00AD/,
    ],
    [
      'a header value with a line break',
      withTarget({ headers: { X: 'a\r\nEvil: 1' } }),
      'target.headers.X',
      /line breaks/,
    ],
    [
      'a header of the connection',
      withTarget({ headers: { Host: 'evil' } }),
      'target.headers.Host',
      /leave it out/,
    ],
    ['an unknown method', withTarget({ method: 'TRACE' }), 'target.method', /"GET" or "HEAD" or "POST"/],
    ['a GET with a body', withTarget({ method: 'GET', body: {} }), 'target.body', /GET call has no body/],
    ['a timeout of an hour', withTarget({ timeout: '1h' }), 'target.timeout', /out of range/],
    ['an unknown target', { ...good, target: { type: 'fax' } }, 'target.type', /http/],
    ['no attempts', { ...good, retry: { maxAttempts: 0 } }, 'retry.maxAttempts', /at least 1/],
    ['half an attempt', { ...good, retry: { maxAttempts: 1.5 } }, 'retry.maxAttempts', /int/],
  ])('%s', async (_, body, path, message) => {
    await expectRefusal(await send('POST', '/jobs', JSON.stringify(body)), 422, path, message);
  });

  test('an own __proto__', async () => {
    const body = JSON.stringify(good).replace('{', '{"__proto__":{"admin":true},');
    await expectRefusal(await send('POST', '/jobs', body), 422, '__proto__', /__proto__/);
  });

  test.each<[string, string, string, RegExp]>([
    [
      'an integer that a double cannot hold',
      '"target":{"body":{"id":9007199254740993}}',
      'target.body.id',
      /9007199254740992/,
    ],
    ['a number out of range', '"target":{"body":[1,1e400]}', 'target.body[1]', /out of range/],
    ['a number too small', '"target":{"args":[1e-400]}', 'target.args[0]', /rounded to 0/],
    [
      'too many decimals',
      '"onFailure":{"target":{"body":12345678901234.123456}}',
      'onFailure.target.body',
      /rounded/,
    ],
    ['a field twice', '"name":"x"', 'name', /twice/],
    ['a field twice, once with an escape', '"labels":{"a":"1","\\u0061":"2"}', 'labels.a', /twice/],
  ])('%s', async (_, field, path, message) => {
    const body = JSON.stringify(good).replace('{', `{${field},`);
    await expectRefusal(await send('POST', '/jobs', body), 422, path, message);
  });

  test('a hundred thousand brackets', async () => {
    const answer = await send(
      'POST',
      '/jobs',
      JSON.stringify({ ...good, description: 0 }).replace('0', deep),
    );
    expect([400, 422]).toContain(answer.status);
    expect(await countRows()).toBe(0);
  });

  test('all faults are named at once', async () => {
    const answer = await send(
      'POST',
      '/jobs',
      JSON.stringify({
        name: 5,
        schedule: { cron: 'x', timeZone: 'y' },
        target: { type: 'http', url: 'z' },
        extra: 1,
      }),
    );
    const problem = JSON.parse(answer.text) as Problem;
    expect(problem.errors?.map((fault) => fault.path).sort()).toEqual([
      'extra',
      'name',
      'schedule.cron',
      'schedule.timeZone',
      'target.url',
    ]);
  });
});

describe('a change that can not be', () => {
  const merge = { 'content-type': 'application/merge-patch+json' };
  test.each<[string, string, string, string | undefined, Record<string, string>, number, string, RegExp]>([
    ['a PUT of nothing', 'PUT', '', undefined, {}, 400, '', /empty/],
    ['a PUT of half a job', 'PUT', '', '{"name":"x"}', {}, 422, 'schedule', /required|needs/],
    ['a PUT as a merge patch', 'PUT', '', '{}', merge, 415, '', /: application\/json\./],
    ['a PATCH of nothing', 'PATCH', '', undefined, {}, 400, '', /empty/],
    ['a PATCH that is null', 'PATCH', '', 'null', merge, 422, '', /must be an object/],
    ['a PATCH that is a list', 'PATCH', '', '[{"op":"remove"}]', merge, 422, '', /must be an object/],
    ['a PATCH that is a text', 'PATCH', '', '"name"', {}, 422, '', /must be an object/],
    ['a PATCH that is no JSON', 'PATCH', '', '{"name":', merge, 400, '', /JSON/],
    ['a PATCH with a NUL byte', 'PATCH', '', '{"labels":{"a":"\\u0000"}}', merge, 422, 'labels.a', /NUL/],
    ['a PATCH of a prototype', 'PATCH', '', '{"__proto__":{"a":1}}', merge, 422, '__proto__', /__proto__/],
    ['a PATCH of another kind', 'PATCH', '', '{}', { 'content-type': 'text/plain' }, 415, '', /merge-patch/],
    ['an If-Match without quotes', 'PATCH', '', '{}', { 'if-match': '3' }, 422, 'If-Match', /double quotes/],
    [
      'an If-Match of a DELETE',
      'DELETE',
      '',
      undefined,
      { 'if-match': '"' },
      422,
      'If-Match',
      /double quotes/,
    ],
    ['an If-Match of a pause', 'POST', '/pause', '{}', { 'if-match': 'x' }, 422, 'If-Match', /double quotes/],
    [
      'an empty key',
      'POST',
      '/run',
      undefined,
      { 'idempotency-key': '' },
      422,
      'Idempotency-Key',
      /1 to 255/,
    ],
    ['a backfill of nothing', 'POST', '/backfill', '{}', {}, 422, 'from', /required/],
    ['a backfill of no object', 'POST', '/backfill', '5', {}, 422, '', /must be an object/],
    [
      'a backfill until the year 9999',
      'POST',
      '/backfill',
      '{"from":"2026-01-01T00:00:00Z","to":"9999-01-01T00:00:00Z"}',
      {},
      422,
      'to',
      /2100/,
    ],
    [
      'a backfill by a merge patch',
      'POST',
      '/backfill',
      '{"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:00Z"}',
      merge,
      415,
      '',
      /: application\/json\./,
    ],
  ])('%s', async (_, method, path, body, headers, status, place, message) => {
    const answer = await send(method, `/jobs/${ABSENT}${path}`, body, headers);
    await expectRefusal(answer, status, place, message);
  });
});

describe('a query that can not be', () => {
  test.each([
    ['limit=0', 'limit', /at least 1/],
    ['limit=100000', 'limit', /at most 200/],
    ['limit=ten', 'limit', /number/],
    ['limit=1.5', 'limit', /int/],
    ['limit=5&limit=6', 'limit', /number/],
    ['cursor=made-up', 'cursor', /not a cursor/],
    ['cursor=eyJpZCI6NX0', 'cursor', /not a cursor/],
    ['state=sleeping', 'state', /"active"/],
    ['name=a%00b', 'name', /NUL/],
    ['offset=5', 'offset', /no such field/],
    ['name=100%', '', /%25/],
    ['name=caf%E9', '', /UTF-8/],
    ['name=%ED%A0%80', '', /UTF-8/],
  ])('GET /jobs?%s', async (query, path, message) => {
    await expectRefusal(await send('GET', `/jobs?${query}`), 422, path, message);
  });

  test.each([
    ['GET', '/jobs/5'],
    ['GET', '/jobs/not-a-uuid'],
    ['DELETE', '/jobs/not-a-uuid'],
    ['GET', '/jobs/not-a-uuid/revisions'],
    ['POST', '/jobs/not-a-uuid/run'],
    ['GET', '/jobs/not-a-uuid/runs'],
    ['GET', '/runs/not-a-uuid'],
    ['GET', "/jobs/'; DROP TABLE jobs; --"],
  ])('%s %s: an id that is no UUID', async (method, path) => {
    await expectRefusal(await send(method, path), 422, 'id', /UUID/);
  });

  test.each([
    ['limit=0', 'limit', /at least 1/],
    ['cursor=made-up', 'cursor', /not a cursor/],
    // A generation that no column could hold: {"generation":99999999999}
    ['cursor=eyJnZW5lcmF0aW9uIjo5OTk5OTk5OTk5OX0', 'cursor', /not a cursor/],
    ['generation=1', 'generation', /no such field/],
  ])('GET /jobs/{id}/revisions?%s', async (query, path, message) => {
    await expectRefusal(await send('GET', `/jobs/${ABSENT}/revisions?${query}`), 422, path, message);
  });

  test.each([
    ['limit=0', 'limit', /at least 1/],
    ['cursor=made-up', 'cursor', /not a cursor/],
    // A place of another list: {"id":5}
    ['cursor=eyJpZCI6NX0', 'cursor', /not a cursor/],
    ['state=sleeping', 'state', /one or several of queued, running, .*, separated by commas/],
    ['state=failed,sleeping', 'state', /separated by commas/],
    ['state=failed,', 'state', /separated by commas/],
    ['state=', 'state', /separated by commas/],
    ['state=failed&state=running', 'state', /separated by commas/],
    ['state=FAILED', 'state', /failed/],
    ['state=failed%00', 'state', /NUL/],
    ['trigger=cron', 'trigger', /"schedule" or "manual"/],
    ['trigger=manual,backfill', 'trigger', /"schedule" or "manual"/],
    ['from=yesterday', 'from', /RFC 3339 with an offset/],
    ['from=2026-01-01', 'from', /RFC 3339 with an offset/],
    ['to=2026-01-01T00:00:00', 'to', /RFC 3339 with an offset/],
    ['to=2026-02-30T00:00:00Z', 'to', /RFC 3339 with an offset/],
    ['to=9999-01-01T00:00:00Z', 'to', /2100/],
    ['from=2026-01-01T00:00:00Z&from=2026-01-01T00:00:00Z', 'from', /must be a string/],
    ['from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00%2B01:00', 'to', /must be after from/],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'to', /must be after from/],
    ['job=5', 'job', /no such field/],
  ])('GET /runs?%s, and of a job', async (query, path, message) => {
    await expectRefusal(await send('GET', `/runs?${query}`), 422, path, message);
    await expectRefusal(await send('GET', `/jobs/${ABSENT}/runs?${query}`), 422, path, message);
  });

  test.each(['%E9', '%', '%00', '%zz', 'a%2Fb', `${ABSENT}%00`, 'x'.repeat(8_000), '%E0%A4%A', '%ED%A0%80'])(
    'an id in a path that is %s',
    async (id) => {
      await expectRefusal(await send('GET', `/jobs/${id}`), 422, 'id', /UUID/);
      await expectRefusal(await send('POST', `/runs/${id}/cancel`), 422, 'id', /UUID/);
    },
  );

  test.each(['/%E9', '/%', '/jobs/a/b/%00', '//jobs', '/docs/..%2f..%2fpackage.json'])(
    'GET %s: there is nothing',
    async (path) => {
      await expectRefusal(await send('GET', path), 404, '', /nothing at/);
    },
  );

  test.each([
    ['/jobs?name=a&name=b', 'name'],
    ['/jobs?namespace=a&namespace=a', 'namespace'],
    [`/jobs/${ABSENT}/revisions?cursor=a&cursor=b`, 'cursor'],
    ['/jobs?name[]=a', '["name[]"]'],
    ['/jobs?__proto__=1', '__proto__'],
    [`/runs/${ABSENT}?x=1`, 'x'],
  ])('GET %s', async (path, place) => {
    await expectRefusal(await send('GET', path), 422, place, /not an array|no such field/);
  });
});

describe('a header that can not be', () => {
  test.each([
    ['Idempotency-Key', 'caf\u00e9', /1 to 255 visible ASCII/],
    ['Idempotency-Key', 'k'.repeat(9_000), /1 to 255/],
    ['Idempotency-Key', 'a, b', /1 to 255/],
    ['Idempotency-Key', '"a', /1 to 255/],
  ])('%s', async (name, value, message) => {
    const answer = await send('POST', '/jobs', JSON.stringify(good), { [name]: value });
    await expectRefusal(answer, 422, name, message);
  });

  test.each(['"\u00e9"', '*, "1"', '"1', `${'"'.repeat(9_001)}`])('If-Match: %s', async (value) => {
    const answer = await send('DELETE', `/jobs/${ABSENT}`, undefined, { 'if-match': value });
    await expectRefusal(answer, 422, 'If-Match', /double quotes/);
  });
});

test('a job whose name was stored decomposed, by an older version, is found by either form', async () => {
  const made = await send('POST', '/jobs', JSON.stringify({ ...good, name: 'cafe' }));
  expect(made.status).toBe(201);
  const { id } = JSON.parse(made.text) as { id: string };
  await stack.db.query('UPDATE jobs SET name = $1 WHERE id = $2', ['cafe\u0301', id]);
  for (const name of ['caf\u00e9', 'cafe\u0301']) {
    const { text } = await send('GET', `/jobs?name=${encodeURIComponent(name)}`);
    expect((JSON.parse(text) as { items: { id: string }[] }).items).toMatchObject([{ id }]);
  }
  expect((await send('GET', '/jobs?name=cafe')).text).toContain('"items":[]');
});
