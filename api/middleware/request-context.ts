import { randomUUID } from 'node:crypto';
import type { Middleware } from 'koa';
import type { Logger } from '../../platform/logger.ts';
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
    context.state.logger = logger.child({ requestId });
    context.set('X-Request-Id', requestId);
    await next();
    const durationMs = Math.round((performance.now() - started) * 10) / 10;
    // Probes come every few seconds and say nothing.
    const level = context.path === '/livez' || context.path === '/readyz' ? 'debug' : 'info';
    context.state.logger[level](
      { method: context.method, path: context.path, status: context.status, durationMs },
      'request',
    );
  };
}
