import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import { ABSENT, countRows, createSender, expectRefusal, VALID_JOB } from '../support/refusals.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let url: string;

beforeAll(async () => {
  stack = await createStack('invalid-jobs');
  ({ url } = await stack.startApi());
});
afterAll(() => stack.stop());

const send = createSender(() => url);
const withSchedule = (schedule: unknown) => ({ ...VALID_JOB, schedule });
const withTarget = (target: object) => ({ ...VALID_JOB, target: { ...VALID_JOB.target, ...target } });
const labels = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`label${index}`, 'x']));
const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;

describe('an invalid job:', () => {
  test.each<[string, unknown, string, RegExp]>([
    ['null', null, '', /must be an object/],
    ['an array', [], '', /must be an object/],
    ['a number', 5, '', /must be an object/],
    ['an empty object', {}, 'name', /required/],
    ['an unknown field', { ...VALID_JOB, retries: 3 }, 'retries', /no such field/],
    ['an unknown field of the target', withTarget({ verb: 'GET' }), 'target.verb', /no such field/],
    [
      'an unknown policy',
      { ...VALID_JOB, policy: { overlap: 'never' } },
      'policy.overlap',
      /"skip" or "bufferOne"/,
    ],
    [
      'an unknown field of the policy',
      { ...VALID_JOB, policy: { retries: 1 } },
      'policy.retries',
      /no such field/,
    ],
    [
      'a catchup window of 5 s',
      { ...VALID_JOB, policy: { catchupWindow: '5s' } },
      'policy.catchupWindow',
      /from 10s to/,
    ],
    [
      'zero failures',
      { ...VALID_JOB, policy: { pauseAfterFailures: 0 } },
      'policy.pauseAfterFailures',
      /at least 1/,
    ],
    ['zero runs', withSchedule({ every: '5m', maxRuns: 0 }), 'schedule.maxRuns', /at least 1/],
    [
      'a jitter below a second',
      withSchedule({ every: '5m', jitter: '10ms' }),
      'schedule.jitter',
      /out of range/,
    ],
    [
      'a date that does not exist',
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
      'an exclusion of two kinds',
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
      'a calendar with an unknown field',
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
    ['a name that is a number', { ...VALID_JOB, name: 5 }, 'name', /must be a string, not a number/],
    ['an empty name', { ...VALID_JOB, name: '' }, 'name', /at least 1 character/],
    ['a name of 201 characters', { ...VALID_JOB, name: 'x'.repeat(201) }, 'name', /at most 200 characters/],
    [
      'a name of nearly a megabyte',
      { ...VALID_JOB, name: 'x'.repeat(1_000_000) },
      'name',
      /at most 200 characters/,
    ],
    ['a name with a line break', { ...VALID_JOB, name: 'a\nb' }, 'name', /control characters/],
    ['a name with a NUL byte', { ...VALID_JOB, name: 'a\0b' }, 'name', /NUL/],
    ['a description with a NUL byte', { ...VALID_JOB, description: 'a\0b' }, 'description', /NUL/],
    ['half a surrogate pair', { ...VALID_JOB, description: '\ud800' }, 'description', /surrogate/],
    ['a NUL byte deep in the body', withTarget({ body: { a: [{ b: '\0' }] } }), 'target.body.a[0].b', /NUL/],
    ['10,000 labels', { ...VALID_JOB, labels }, 'labels', /at most 64 labels/],
    ['a label key with a space', { ...VALID_JOB, labels: { 'a b': 'x' } }, 'labels["a b"]', /label key/],
    ['a label that is not a string', { ...VALID_JOB, labels: { a: 5 } }, 'labels.a', /must be a string/],
    ['no schedule', { ...VALID_JOB, schedule: {} }, 'schedule', /exactly one of/],
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
      'an offset instead of a zone',
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
    ['an invalid url', withTarget({ url: 'example' }), 'target.url', /not a URL/],
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
    ['a name of blanks', { ...VALID_JOB, name: '   ' }, 'name', /blank/],
    ['a name that begins with a blank', { ...VALID_JOB, name: ' a' }, 'name', /blank/],
    ['a name with a no-break space', { ...VALID_JOB, name: 'a\u00a0b' }, 'name', /U\+0020/],
    ['a name with a direction override', { ...VALID_JOB, name: 'a\u202eb' }, 'name', /U\+202E/],
    ['a name with a zero-width space', { ...VALID_JOB, name: 'a\u200bb' }, 'name', /U\+200B/],
    [
      'a label with a direction isolate',
      { ...VALID_JOB, labels: { team: 'a\u2067b' } },
      'labels.team',
      /U\+2067/,
    ],
    [
      'a concurrency key with an invisible character',
      { ...VALID_JOB, policy: { maxConcurrent: 1, concurrencyKey: 'a\u00adb' } },
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
    ['an unknown target', { ...VALID_JOB, target: { type: 'fax' } }, 'target.type', /http/],
    ['zero attempts', { ...VALID_JOB, retry: { maxAttempts: 0 } }, 'retry.maxAttempts', /at least 1/],
    ['half an attempt', { ...VALID_JOB, retry: { maxAttempts: 1.5 } }, 'retry.maxAttempts', /int/],
  ])('%s', async (_, body, path, message) => {
    await expectRefusal(stack, await send('POST', '/jobs', JSON.stringify(body)), 422, path, message);
  });

  test('a __proto__ key', async () => {
    const body = JSON.stringify(VALID_JOB).replace('{', '{"__proto__":{"admin":true},');
    await expectRefusal(stack, await send('POST', '/jobs', body), 422, '__proto__', /__proto__/);
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
    const body = JSON.stringify(VALID_JOB).replace('{', `{${field},`);
    await expectRefusal(stack, await send('POST', '/jobs', body), 422, path, message);
  });

  test('a hundred thousand brackets', async () => {
    const answer = await send(
      'POST',
      '/jobs',
      JSON.stringify({ ...VALID_JOB, description: 0 }).replace('0', deep),
    );
    expect([400, 422]).toContain(answer.status);
    expect(await countRows(stack)).toBe(0);
  });

  test('all errors are named at once', async () => {
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

describe('an invalid change:', () => {
  const merge = { 'content-type': 'application/merge-patch+json' };
  test.each<[string, string, string, string | undefined, Record<string, string>, number, string, RegExp]>([
    ['a PUT without a body', 'PUT', '', undefined, {}, 400, '', /empty/],
    ['a PUT of a part of a job', 'PUT', '', '{"name":"x"}', {}, 422, 'schedule', /required|needs/],
    ['a PUT as a merge patch', 'PUT', '', '{}', merge, 415, '', /: application\/json\./],
    ['a PATCH without a body', 'PATCH', '', undefined, {}, 400, '', /empty/],
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
    await expectRefusal(stack, answer, status, place, message);
  });
});
