import { randomUUID } from 'node:crypto';
import type { Middleware } from 'koa';
import type { Logger } from '../../platform/logger.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { ObserveRequest } from '../request-metrics.ts';
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

const QUIET = ['/livez', '/readyz', '/metrics'];

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
    context.state.hasBadTarget = !URL.canParse(context.req.url ?? '', 'http://localhost');
    // Koa would throw wherever it is looked at.
    if (context.state.hasBadTarget) context.req.url = '/';
    context.state.logger = logger.child({ requestId });
    context.set('X-Request-Id', requestId);
    await next();
    const tookMs = performance.now() - started;
    const { route = 'other' } = context.state;
    observe({ method: methodOf(context.method), route, status: context.status }, tookMs / SECOND_MS);
    const durationMs = Math.round(tookMs * 10) / 10;
    // What comes every few seconds and says nothing.
    const level = QUIET.includes(context.path) ? 'debug' : 'info';
    context.state.logger[level](
      { method: context.method, path: context.path, status: context.status, durationMs },
      'request',
    );
  };
}
