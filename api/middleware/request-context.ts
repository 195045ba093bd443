import { randomUUID } from 'node:crypto';
import type { Middleware } from 'koa';
import type { Logger } from '../../platform/logger.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { ObserveRequest } from '../server/request-metrics.ts';
import { currentTraceId } from '../../platform/spans.ts';
import type { Session } from '../access/session.ts';

/** State of a request, which its middleware shares. */
export interface RequestState {
  requestId: string;
  logger: Logger;
  /** The path of the operation in the OpenAPI document, such as `/jobs/{id}`; undefined if no route matches. */
  route?: string;
  /** The request target is neither a path nor a URL. */
  hasBadTarget: boolean;
  /** Set once the request is authenticated. */
  caller?: Session;
  /** The address of the client, set with the caller; undefined if it is none. */
  address?: string;
}

/** Ids of this form in X-Request-Id are used; others could spoil a log line. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,128}$/;

/** Tells whether a path is one of probes and scrapes, which come every few seconds. */
export const isProbe = (path: string): boolean => ['/livez', '/readyz', '/metrics'].includes(path);

/** The id of the job or run in a path, for the log. Pure. */
function subjectOf(path: string): { jobId?: string; runId?: string } {
  const [, kind, id] = /^\/(jobs|runs)\/([0-9a-f-]{36})(?:[/?]|$)/.exec(path) ?? [];
  if (id === undefined) return {};
  return kind === 'jobs' ? { jobId: id } : { runId: id };
}

/** The method as a label of metrics. Unknown ones share a label, because clients can invent any number of them. */
const methodLabel = (method: string) =>
  ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].includes(method) ? method : 'other';

/** Gives each request an id and a logger with that id, and logs each answer in one line. */
export function requestContext(logger: Logger, observe: ObserveRequest): Middleware<RequestState> {
  return async (context, next) => {
    const started = performance.now();
    const given = context.get('x-request-id');
    const requestId = REQUEST_ID.test(given) ? given : randomUUID();
    context.state.requestId = requestId;
    const traceId = currentTraceId();
    context.state.logger = logger.child({ requestId, ...(traceId === undefined ? {} : { traceId }) });
    context.set('X-Request-Id', requestId);
    await next();
    const tookMs = performance.now() - started;
    const { route = 'other' } = context.state;
    const { method, path, status } = context;
    observe({ method: methodLabel(method), route, status }, tookMs / SECOND_MS);
    const durationMs = Math.round(tookMs * 10) / 10;
    const level = isProbe(path) ? 'debug' : 'info';
    const location = context.res.getHeader('Location');
    const subject = { ...subjectOf(path), ...subjectOf(String(location)) };
    context.state.logger[level]({ method, path, status, durationMs, ...subject }, 'request');
  };
}
