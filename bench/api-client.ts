import { Pool } from 'undici';
import type { Job } from '../domain/job/job.ts';

/** A client of the API with a fixed number of connections. */
export function createApiClient(port: number, connections: number) {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections });
  /** Returns the text of a successful answer. @throws Error for any other */
  const ask = async (path: string, method: 'GET' | 'POST' | 'DELETE' = 'GET', body?: unknown) => {
    const answer = await pool.request({
      path,
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300)
      throw new Error(`${method} ${path} was answered ${answer.statusCode}: ${text}`);
    return text;
  };
  const askJob = async (...request: Parameters<typeof ask>) => JSON.parse(await ask(...request)) as Job;
  return { ask, askJob, close: () => pool.close() };
}
