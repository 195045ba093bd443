import { describe, expect, test } from '@jest/globals';
import { classifyStatus } from '../../../../domain/target/http-status.ts';
import { fillIn, findUnknownPlaceholders } from '../../../../domain/target/placeholder.ts';
import { retryAfterMs } from '../../../../domain/target/retry-after.ts';
import { Retry, retryDelayMs } from '../../../../domain/target/retry.ts';
import { HttpTarget } from '../../../../domain/target/http-target.ts';
import { JobInput } from '../../../../domain/job/job.ts';
import { extractSecrets } from '../../../../domain/job/extract-secrets.ts';
import { redact } from '../../../../activities/call/redact.ts';
import { followRedirect } from '../../../../activities/call/follow-redirect.ts';

const values = {
  scheduledAt: '2026-11-23T08:00:00Z',
  jobId: 'J',
  runId: 'R',
  attempt: '2',
  fencingToken: '17',
};

describe('placeholders', () => {
  test('are filled in wherever there is text, but not in names', () => {
    const body = { 'a {{jobId}}': ['{{runId}}/{{ attempt }}', 7, null, { at: '{{scheduledAt}}' }] };
    expect(fillIn(body, values)).toEqual({ 'a {{jobId}}': ['R/2', 7, null, { at: '2026-11-23T08:00:00Z' }] });
  });

  test('after a backslash are text', () => {
    expect(fillIn('\\{{runId}} \\{{user}} {{runId}}', values)).toBe('{{runId}} {{user}} R');
    expect(findUnknownPlaceholders('\\{{user}}')).toEqual([]);
  });

  test.each<[object, string, RegExp]>([
    [
      { body: { deep: ['{{runID}}'] } },
      'body',
      /no placeholder \{\{runID\}\}; there are \{\{scheduledAt\}\}/,
    ],
    [{ url: 'https://example.com/{{user}}' }, 'url', /no placeholder \{\{user\}\}/],
    [{ url: 'https://{{jobId}}.example.com/' }, 'url', /in the path and in the query/],
    [{ body: '{{}}' }, 'body', /no placeholder/],
    [{ url: 'https://good.example\\{{x}}@evil.example/' }, 'url', /in the path and in the query/],
    [{ url: 'https://good.example\\{{jobId}}' }, 'url', /in the path and in the query/],
    [{ url: 'https://good.example\\{{x}}:25/' }, 'url', /in the path and in the query/],
  ])('%j is refused', (more, path, message) => {
    const result = HttpTarget.safeParse({ type: 'http', url: 'https://example.com/', ...more });
    expect(result.error?.issues).toMatchObject([{ path: [path], message: expect.stringMatching(message) }]);
  });
});

describe('an answer', () => {
  const rules = { successStatus: ['200-299', 404], retryStatus: [408, 409, 429, '500-599'] };
  test.each([
    [200, 'succeeded'],
    [299, 'succeeded'],
    [404, 'succeeded'],
    [302, 'final'],
    [400, 'final'],
    [409, 'retryable'],
    [503, 'retryable'],
    [410, 'gone'],
  ])('%i: %s', (status, verdict) => expect(classifyStatus(status, rules)).toBe(verdict));

  test('410 is classified as the author says, if the author does', () => {
    expect(classifyStatus(410, { ...rules, retryStatus: [410] })).toBe('retryable');
    expect(classifyStatus(410, { ...rules, successStatus: ['200-499'] })).toBe('succeeded');
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-23T08:00:00Z');
  test.each<[number, string | undefined, number | undefined]>([
    [429, '3', 3_000],
    [503, ' 0 ', 0],
    [503, 'Mon, 23 Nov 2026 08:01:00 GMT', 60_000],
    [429, 'Mon, 23 Nov 2026 07:00:00 GMT', 0],
    [429, '99999999999999999999', 86_400_000],
    [429, 'soon', undefined],
    [429, '-5x', undefined],
    [500, '3', undefined],
    [429, undefined, undefined],
  ])('%i with %j', (status, header, ms) => expect(retryAfterMs(status, header, now)).toBe(ms));

  test('makes a wait longer, never shorter, and only if it is to be respected', () => {
    const retry = Retry.parse({ initialInterval: '10s', maxInterval: '20s' });
    expect([retryDelayMs(retry, 1), retryDelayMs(retry, 9)]).toEqual([10_000, 20_000]);
    expect([retryDelayMs(retry, 1, 1_000), retryDelayMs(retry, 1, 60_000)]).toEqual([10_000, 60_000]);
    expect(retryDelayMs({ ...retry, respectRetryAfter: false }, 1, 60_000)).toBe(10_000);
  });
});

describe('a target', () => {
  const parse = (more: object) =>
    HttpTarget.safeParse({ type: 'http', url: 'https://example.com/', ...more });
  const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;

  test.each<[string, object]>([
    ['a signing secret without its prefix', { signing: { secret: secret.slice(6) } }],
    ['one that is too short', { signing: { secret: 'whsec_c2hvcnQ=' } }],
    ['one that is no base64', { signing: { secret: `whsec_${'?'.repeat(32)}` } }],
    ['false in place of a secret', { signing: { secret: false } }],
    ['a header that the scheduler sets', { headers: { 'Webhook-Signature': 'v1,x' } }],
    ['another one', { headers: { 'idempotency-key': 'x' } }],
    ['two headers of one name', { headers: { 'X-A': '1', 'x-a': '2' } }],
    ['a line break in a secret header', { headers: { 'X-A': { secret: 'a\r\nb' } } }],
    ['an empty secret', { headers: { 'X-A': { secret: '' } } }],
    ['a status that no answer ends with', { successStatus: [100] }],
    ['a range the wrong way round', { successStatus: ['299-200'] }],
    ['no status at all', { successStatus: [] }],
  ])('with %s is refused, without a word of it', (_, more) => {
    const result = parse(more);
    expect(result.success).toBe(false);
    expect(JSON.stringify(result.error?.issues)).not.toMatch(/AQEB|c2hv|\?\?\?/);
  });

  test.each([
    [{ method: 'GET', body: 1 }, 'body', /^a GET call has no body; use POST, or leave body out$/],
    [{ method: 'HEAD', body: '' }, 'body', /^a HEAD call has no body/],
    [
      { method: 'HEAD', bodyBase64: 'AA==' },
      'bodyBase64',
      /^a HEAD call has no body; .* leave bodyBase64 out$/,
    ],
    [{ body: null, bodyBase64: 'AA==' }, 'bodyBase64', /one body/],
    [{ method: 'TRACE' }, 'method', /HEAD/],
    ...['AA', 'AA=', 'AA===', 'A', 'AB==', 'AAB=', 'AA==\n', 'AA ==', '-_8=', 'AA==AA==', '=', 'é'].map(
      (bodyBase64): [object, string, RegExp] => [
        { bodyBase64 },
        'bodyBase64',
        /^must be base64 as of RFC 4648/,
      ],
    ),
  ] as [object, string, RegExp][])('%j is refused', (more, path, message) => {
    expect(parse(more).error?.issues).toMatchObject([
      { path: [path], message: expect.stringMatching(message) },
    ]);
  });

  test('of bytes may be large', () => {
    const bodyBase64 = Buffer.alloc(3_000_000, 'x').toString('base64');
    expect(parse({ bodyBase64 }).success).toBe(true);
    expect(parse({ bodyBase64: `${bodyBase64}!` }).success).toBe(false);
  });

  test('gives its secrets to be kept elsewhere', () => {
    const target = HttpTarget.parse({
      type: 'http',
      url: 'https://example.com/',
      headers: { Accept: '*/*', Authorization: { secret: 'Bearer x' }, 'X-Kept': { secret: true } },
      signing: { secret },
    });
    const taken = extractSecrets(JobInput.parse({ name: 'x', schedule: { every: '1h' }, target }));
    expect(taken.definition.target).toMatchObject({
      headers: { Accept: '*/*', Authorization: { secret: true }, 'X-Kept': { secret: true } },
      signing: { secret: true },
    });
    expect(taken.given).toEqual([
      { field: 'headers.authorization', path: 'target.headers["Authorization"].secret', text: 'Bearer x' },
      { field: 'signing.secret', path: 'target.signing.secret', text: secret },
    ]);
    expect(taken.kept).toEqual([{ field: 'headers.x-kept', path: 'target.headers["X-Kept"].secret' }]);
    expect(extractSecrets(taken.definition).definition).toEqual(taken.definition);
  });
});

test('secrets are redacted of an answer, also as JSON writes them and without their scheme', () => {
  const text = 'Authorization: Bearer 12345678 "q\\"uote" and q"uote; x';
  expect(redact(text, ['Bearer 12345678', 'q"uote', 'x'])).toBe(
    'Authorization: [secret] "[secret]" and [secret]; x',
  );
  expect(redact('token 12345678', ['Bearer 12345678'])).toBe('token [secret]');
  const secret = ' a/b&c"d é ';
  for (const written of [
    secret.trim(),
    'a\\/b&c\\"d é',
    'a/b&amp;c&quot;d é',
    encodeURIComponent(secret.trim()),
    new URLSearchParams({ x: secret.trim() }).toString().slice(2),
    Buffer.from(secret.trim(), 'latin1').toString('utf8'),
  ])
    expect(redact(`<${written}>`, [secret])).toBe('<[secret]>');
});

describe('a redirect', () => {
  const call = {
    url: new URL('https://a.example/x'),
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-scheduler-run': 'R' },
    privateHeaders: { authorization: 'Bearer x', 'webhook-signature': 'v1,x' },
    body: '{}',
    secrets: [],
  };

  const follow = (status: number, location?: string, method = 'POST', mayLosePost = false) => {
    const redirect = followRedirect({ ...call, method }, status, location, { mayLosePost });
    if (!redirect || 'refusal' in redirect) return redirect?.refusal;
    return redirect.call;
  };

  test('to the same origin takes everything along; 303 becomes a GET', () => {
    expect(follow(307, '/y')).toMatchObject({ ...call, url: new URL('https://a.example/y') });
    expect(follow(303, '/y')).toEqual({
      ...call,
      url: new URL('https://a.example/y'),
      method: 'GET',
      body: null,
      headers: { 'x-scheduler-run': 'R' },
      privateHeaders: { authorization: 'Bearer x' },
    });
  });

  test.each<[number, string, string | RegExp]>([
    [301, 'POST', /answered 301 to a POST, .* GET without its body; .*307 or 308, .*"asGet"/],
    [302, 'POST', /answered 302 to a POST/],
    [303, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [303, 'DELETE', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
    [301, 'GET', 'GET'],
    [302, 'HEAD', 'HEAD'],
    [303, 'HEAD', 'HEAD'],
    [303, 'GET', 'GET'],
    [301, 'PUT', 'PUT'],
    [302, 'DELETE', 'DELETE'],
    [308, 'PATCH', 'PATCH'],
  ])('%i after %s loses no POST', (status, method, expected) => {
    const next = follow(status, '/y', method);
    if (typeof expected === 'string') {
      const body = expected === method ? call.body : null;
      expect(next).toMatchObject({ method: expected, body });
    } else expect(next).toMatch(expected);
  });

  test.each([301, 302])('%i after a POST becomes a GET if that is allowed', (status) => {
    const next = follow(status, '/y', 'POST', true);
    expect(next).toMatchObject({ method: 'GET', body: null, headers: { 'x-scheduler-run': 'R' } });
  });

  test.each([200, 204, 300, 304, 305, 306, 309, 404])('%i is none', (status) => {
    expect(follow(status, '/y', 'GET')).toBeUndefined();
    expect(follow(302, undefined)).toBeUndefined();
  });

  test.each(['http://a.example/x', 'https://b.example/', 'https://a.example:444/'])(
    'to %s takes no secret along',
    (location) => expect(follow(308, location)).toMatchObject({ privateHeaders: {} }),
  );

  test('to what is no URL, or none that may be called, is not followed', () => {
    expect(follow(302, 'http://[')).toBe('the target redirects to what is no URL');
    expect(follow(307, 'ftp://a.example/')).toMatch(/^the target redirects to where no call may go: /);
  });

  test.each([true, false, 'asGet', undefined])('may be followed or not: %j', (followRedirects) => {
    const target = { type: 'http', url: 'https://example.com/', followRedirects };
    expect(HttpTarget.parse(target).followRedirects).toBe(followRedirects ?? false);
    const [issue] = HttpTarget.safeParse({ ...target, followRedirects: 'yes' }).error?.issues ?? [];
    expect(issue).toMatchObject({ path: ['followRedirects'], message: expect.stringMatching(/"asGet"/) });
  });
});
