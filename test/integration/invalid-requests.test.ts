import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ABSENT, createSender, expectRefusal, VALID_JOB } from '../support/refusals.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let url: string;

beforeAll(async () => {
  stack = await createStack('invalid-requests');
  ({ url } = await stack.startApi());
});
afterAll(() => stack.stop());

const send = createSender(() => url);

describe('an invalid body:', () => {
  test.each<[string, string | Buffer | undefined, Record<string, string>, number, RegExp]>([
    ['not JSON', '{"name": ', {}, 400, /JSON/],
    ['an empty body', '', {}, 400, /empty/],
    ['no body', undefined, {}, 400, /empty/],
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
      JSON.stringify({ ...VALID_JOB, description: 'x'.repeat(1_100_000) }),
      {},
      413,
      /1048576 bytes/,
    ],
    ['bytes that are not gzip', 'hello', { 'content-encoding': 'gzip' }, 400, /JSON/],
    ['an unknown encoding', '{}', { 'content-encoding': 'zip' }, 415, /Content-Encoding/],
    ['Latin-1', Buffer.from('{"name":"caf\xe9"}', 'latin1'), {}, 400, /not UTF-8/],
    ['half a character', Buffer.from([0x22, 0xe2, 0x82, 0x22]), {}, 400, /not UTF-8/],
    ['a surrogate written as UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), {}, 400, /not UTF-8/],
    ['UTF-16', Buffer.from(JSON.stringify({ name: 'x' }), 'utf16le'), {}, 400, /JSON/],
    ...['', '"utf-8', 'utf-8; charset'].map(
      (charset): [string, string, Record<string, string>, number, RegExp] => [
        `charset=${charset} in an invalid form`,
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
    await expectRefusal(stack, await send('POST', '/jobs', body, headers), status, '', message);
  });
});

test.each([
  'application/json;',
  'application/json; charset="UTF-8" ;',
  'Application/JSON;charset=utf8;x="a;b"',
])('%s is JSON, and only its content is refused', async (type) => {
  await expectRefusal(
    stack,
    await send('POST', '/jobs', '{}', { 'content-type': type }),
    422,
    'name',
    /required/,
  );
});

describe('an invalid query:', () => {
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
    await expectRefusal(stack, await send('GET', `/jobs?${query}`), 422, path, message);
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
    await expectRefusal(stack, await send(method, path), 422, 'id', /UUID/);
  });

  test.each([
    ['limit=0', 'limit', /at least 1/],
    ['cursor=made-up', 'cursor', /not a cursor/],
    // A generation that no column could hold: {"generation":99999999999}
    ['cursor=eyJnZW5lcmF0aW9uIjo5OTk5OTk5OTk5OX0', 'cursor', /not a cursor/],
    ['generation=1', 'generation', /no such field/],
  ])('GET /jobs/{id}/revisions?%s', async (query, path, message) => {
    await expectRefusal(stack, await send('GET', `/jobs/${ABSENT}/revisions?${query}`), 422, path, message);
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
    await expectRefusal(stack, await send('GET', `/runs?${query}`), 422, path, message);
    await expectRefusal(stack, await send('GET', `/jobs/${ABSENT}/runs?${query}`), 422, path, message);
  });

  test.each(['%E9', '%', '%00', '%zz', 'a%2Fb', `${ABSENT}%00`, 'x'.repeat(8_000), '%E0%A4%A', '%ED%A0%80'])(
    'an id in a path that is %s',
    async (id) => {
      await expectRefusal(stack, await send('GET', `/jobs/${id}`), 422, 'id', /UUID/);
      await expectRefusal(stack, await send('POST', `/runs/${id}/cancel`), 422, 'id', /UUID/);
    },
  );

  test.each(['/%E9', '/%', '/jobs/a/b/%00', '//jobs', '/docs/..%2f..%2fpackage.json'])(
    'GET %s: there is nothing',
    async (path) => {
      await expectRefusal(stack, await send('GET', path), 404, '', /nothing at/);
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
    await expectRefusal(stack, await send('GET', path), 422, place, /not an array|no such field/);
  });
});

describe('an invalid header:', () => {
  test.each([
    ['Idempotency-Key', 'caf\u00e9', /1 to 255 visible ASCII/],
    ['Idempotency-Key', 'k'.repeat(9_000), /1 to 255/],
    ['Idempotency-Key', 'a, b', /1 to 255/],
    ['Idempotency-Key', '"a', /1 to 255/],
  ])('%s', async (name, value, message) => {
    const answer = await send('POST', '/jobs', JSON.stringify(VALID_JOB), { [name]: value });
    await expectRefusal(stack, answer, 422, name, message);
  });

  test.each(['"\u00e9"', '*, "1"', '"1', `${'"'.repeat(9_001)}`])('If-Match: %s', async (value) => {
    const answer = await send('DELETE', `/jobs/${ABSENT}`, undefined, { 'if-match': value });
    await expectRefusal(stack, answer, 422, 'If-Match', /double quotes/);
  });
});

test('a name that an older version stored decomposed is found in either form', async () => {
  const made = await send('POST', '/jobs', JSON.stringify({ ...VALID_JOB, name: 'cafe' }));
  expect(made.status).toBe(201);
  const { id } = JSON.parse(made.text) as { id: string };
  await stack.db.query('UPDATE jobs SET name = $1 WHERE id = $2', ['cafe\u0301', id]);
  for (const name of ['caf\u00e9', 'cafe\u0301']) {
    const { text } = await send('GET', `/jobs?name=${encodeURIComponent(name)}`);
    expect((JSON.parse(text) as { items: { id: string }[] }).items).toMatchObject([{ id }]);
  }
  expect((await send('GET', '/jobs?name=cafe')).text).toContain('"items":[]');
});
