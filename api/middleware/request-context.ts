import { randomUUID } from 'node:crypto';
import type { Middleware } from 'koa';
import type { Logger } from '../../platform/logger.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { ObserveRequest } from '../server/request-metrics.ts';
import { currentTraceId } from '../../platform/spans.ts';
import type { Session } from '../access/session.ts';

/** What every request carries. */
export interface RequestState {
  requestId: string;
  logger: Logger;
  /** The path of the operation that answers, as the document writes it. */
  route?: string;
  /** What the request asks for can not be read. */
  hasBadTarget: boolean;
  /** Who asks, once that is known. */
  caller?: Session;
}

/** A caller's own request id is taken over if it is fit for a log line. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,128}$/;

/** What comes every few seconds and says nothing. */
export const isQuiet = (path: string): boolean => ['/livez', '/readyz', '/metrics'].includes(path);

/** The job and the run that a path leads to, for the log. Pure. */
function findSubject(path: string): { jobId?: string; runId?: string } {
  const [, kind, id] = /^\/(jobs|runs)\/([0-9a-f-]{36})(?:[/?]|$)/.exec(path) ?? [];
  if (id === undefined) return {};
  return kind === 'jobs' ? { jobId: id } : { runId: id };
}

/** Anybody may make up methods; metrics have but a few. */
const methodOf = (method: string) =>
  ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].includes(method) ? method : 'other';

/** Gives each request an id and a logger that knows it, and writes one line when it has been answered. */
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
    observe({ method: methodOf(method), route, status }, tookMs / SECOND_MS);
    const durationMs = Math.round(tookMs * 10) / 10;
    const level = isQuiet(path) ? 'debug' : 'info';
    const location = context.res.getHeader('Location');
    const subject = { ...findSubject(path), ...findSubject(String(location)) };
    context.state.logger[level]({ method, path, status, durationMs, ...subject }, 'request');
  };
}
