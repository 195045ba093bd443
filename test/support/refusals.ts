import { expect } from '@jest/globals';
import type { Problem } from '../../api/rest/problem.ts';
import type { Stack } from './stack.ts';

// For tests of invalid input, which must be refused without any effect.

/** The id of no job. */
export const ABSENT = '01a2047b-f3bf-75a1-b4d3-c8083758e9d4';

/** A valid job. */
export const VALID_JOB = {
  name: 'good',
  schedule: { every: '5m' },
  target: { type: 'http', url: 'https://example.com/' },
};

/** An answer of the API with its body as text. */
export interface RawAnswer {
  status: number;
  type: string | null;
  text: string;
}

/** Creates a function that sends a request with any body. Its Content-Type is JSON, unless `headers` name another one. */
export const createSender =
  (getUrl: () => string) =>
  async (
    method: string,
    path: string,
    body?: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<RawAnswer> => {
    const response = await fetch(getUrl() + path, {
      method,
      ...(body === undefined ? {} : { body }),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    });
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      text: await response.text(),
    };
  };

/** The number of stored jobs, runs and idempotency keys. */
export async function countRows(stack: Stack): Promise<number> {
  const { rows } = await stack.db.query<{ count: string }>(
    'SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM runs) + (SELECT count(*) FROM idempotency_keys) AS count',
  );
  return Number(rows[0]?.count);
}

/** Expects a problem with this status, place and message, and that nothing has been stored. */
export async function expectRefusal(
  stack: Stack,
  answer: RawAnswer,
  status: number,
  path: string,
  message: RegExp,
): Promise<void> {
  expect({ status: answer.status, text: answer.text.slice(0, 300) }).toMatchObject({ status });
  expect(answer.type).toMatch(/^application\/problem\+json/);
  expect(answer.text).not.toMatch(/node_modules|\.ts:\d|\n\s+at /);
  const problem = JSON.parse(answer.text) as Problem;
  const places = (problem.errors ?? [{ path: '', message: problem.detail }]).map(({ path: place }) => place);
  expect(places).toContain(path);
  expect(`${problem.detail} ${JSON.stringify(problem.errors ?? [])}`).toMatch(message);
  expect(await countRows(stack)).toBe(0);
}
