import { randomUUID } from 'node:crypto';
import type { Middleware } from 'koa';
import type { Logger } from '../../platform/logger.ts';
import { currentTraceId } from '../../platform/spans.ts';
import type { Session } from '../access/session.ts';

/** What every request carries. */
export interface RequestState {
  requestId: string;
  logger: Logger;
  /** What the request asks for can not be read. */
  hasBadTarget: boolean;
  /** Who asks, once that is known. */
  caller?: Session;
}

/** A caller's own request id is taken over if it is fit for a log line. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,128}$/;

/** Probes come every few seconds and say nothing. */
export const isProbe = (path: string): boolean => path === '/livez' || path === '/readyz';

/** The job and the run that a path leads to, for the log. Pure. */
function findSubject(path: string): { jobId?: string; runId?: string } {
  const [, kind, id] = /^\/(jobs|runs)\/([0-9a-f-]{36})(?:[/?]|$)/.exec(path) ?? [];
  if (id === undefined) return {};
  return kind === 'jobs' ? { jobId: id } : { runId: id };
}

/** Gives each request an id and a logger that knows it, and writes one line when it has been answered. */
export function requestContext(logger: Logger): Middleware<RequestState> {
  return async (context, next) => {
    const started = performance.now();
    const given = context.get('x-request-id');
    const requestId = REQUEST_ID.test(given) ? given : randomUUID();
    context.state.requestId = requestId;
    context.state.hasBadTarget = !URL.canParse(context.req.url ?? '', 'http://localhost');
    // Koa would throw wherever it is looked at.
    if (context.state.hasBadTarget) context.req.url = '/';
    const traceId = currentTraceId();
    context.state.logger = logger.child({ requestId, ...(traceId === undefined ? {} : { traceId }) });
    context.set('X-Request-Id', requestId);
    await next();
    const durationMs = Math.round((performance.now() - started) * 10) / 10;
    const level = isProbe(context.path) ? 'debug' : 'info';
    const { method, path, status } = context;
    const subject = { ...findSubject(path), ...findSubject(context.response.get('Location')) };
    context.state.logger[level]({ method, path, status, durationMs, ...subject }, 'request');
  };
}
