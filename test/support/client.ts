import type { Backfill } from '../../domain/run/backfill.ts';
import type { StoredHttpTarget } from '../../domain/target/http-target.ts';
import type { Job } from '../../domain/job/job.ts';
import type { Revision } from '../../domain/job/revision.ts';
import type { Run } from '../../domain/run/run.ts';

/** An answer of the API. */
export interface ApiAnswer<Body> {
  status: number;
  headers: Headers;
  body: Body;
}

export interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

/** Calls the API. */
export async function request<Body>(
  url: string,
  method = 'GET',
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<ApiAnswer<Body>> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? undefined : JSON.parse(text)) as Body,
  };
}

/** The HTTP target of a job. @throws Error for another type of target */
export function httpTargetOf({ target }: Job): StoredHttpTarget {
  if (target.type !== 'http') throw new Error(`the target of the job is of the type ${target.type}`);
  return target;
}

/** The header for an API key or a token. */
export const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });

/** The most used operations of the API. Each throws unless it is answered with its success status. */
export function apiClient(baseUrl: string, credential?: string) {
  const call = <Body>(url: string, method?: string, body?: unknown) =>
    request<Body>(url, method, body, credential === undefined ? {} : bearer(credential));
  const expectStatus = async <Body>(status: number, answer: Promise<ApiAnswer<Body>>): Promise<Body> => {
    const { status: actual, body } = await answer;
    if (actual !== status) throw new Error(`expected ${status}, got ${actual}: ${JSON.stringify(body)}`);
    return body;
  };
  return {
    createJob: (job: unknown) => expectStatus(201, call<Job>(`${baseUrl}/jobs`, 'POST', job)),
    getJob: (id: string) => expectStatus(200, call<Job>(`${baseUrl}/jobs/${id}`)),
    listJobs: (query = '') => expectStatus(200, call<Page<Job>>(`${baseUrl}/jobs${query}`)),
    putJob: (id: string, job: unknown) => expectStatus(200, call<Job>(`${baseUrl}/jobs/${id}`, 'PUT', job)),
    patchJob: (id: string, patch: unknown) =>
      expectStatus(200, call<Job>(`${baseUrl}/jobs/${id}`, 'PATCH', patch)),
    listRevisions: (id: string, query = '') =>
      expectStatus(200, call<Page<Revision>>(`${baseUrl}/jobs/${id}/revisions${query}`)),
    backfill: (id: string, input: unknown) =>
      expectStatus(202, call<Backfill>(`${baseUrl}/jobs/${id}/backfill`, 'POST', input)),
    deleteJob: (id: string) => expectStatus(204, call<undefined>(`${baseUrl}/jobs/${id}`, 'DELETE')),
    pauseJob: (id: string, pause: unknown = {}) =>
      expectStatus(200, call<Job>(`${baseUrl}/jobs/${id}/pause`, 'POST', pause)),
    resumeJob: (id: string) => expectStatus(200, call<Job>(`${baseUrl}/jobs/${id}/resume`, 'POST')),
    runJob: (id: string) => expectStatus(202, call<Run>(`${baseUrl}/jobs/${id}/run`, 'POST')),
    getRun: (id: string) => expectStatus(200, call<Run>(`${baseUrl}/runs/${id}`)),
    listRuns: (jobId: string, query = '') =>
      expectStatus(200, call<Page<Run>>(`${baseUrl}/jobs/${jobId}/runs${query}`)),
    /** All runs of a job, from all pages. */
    allRuns: async (jobId: string): Promise<Run[]> => {
      const runs: Run[] = [];
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? '?limit=200' : `?limit=200&cursor=${cursor}`;
        const page: Page<Run> = await expectStatus(
          200,
          call<Page<Run>>(`${baseUrl}/jobs/${jobId}/runs${query}`),
        );
        runs.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== null);
      return runs;
    },
  };
}
