import type { Middleware } from 'koa';
import { SchedulerError } from '../../domain/errors.ts';
import { parseUrl } from '../../domain/parse-url.ts';
import { PROBLEMS, toProblem, toSchedulerError } from '../rest/problem.ts';
import type { RequestState } from './request-context.ts';

/**
 * Marks a request whose target cannot be parsed as a URL, and gives it the target `/` until `problems` refuses it. Koa would
 * throw at any use of the original.
 */
export function checkRequestTarget(): Middleware<RequestState> {
  return (context, next) => {
    context.state.hasBadTarget = parseUrl(context.req.url ?? '', 'http://localhost') === undefined;
    if (context.state.hasBadTarget) context.req.url = '/';
    return next();
  };
}

/** Answers every error, and every path without a route, as application/problem+json (RFC 9457). */
export function problems(): Middleware<RequestState> {
  return async (context, next) => {
    try {
      if (context.state.hasBadTarget)
        throw new SchedulerError('not_http', 'The target of the request is neither a path nor a URL.');
      await next();
      if (context.body !== undefined) return;
      if (context.status === 404) {
        throw new SchedulerError('not_found', `There is nothing at ${context.path}; /docs lists all paths.`);
      }
      // The router has set the status, and the Allow header.
      if (context.status === 405 || context.status === 501) {
        const message = `${context.path} does not support ${context.method}; the Allow header names the methods that it does.`;
        throw new SchedulerError('method_not_allowed', message);
      }
    } catch (thrown) {
      const error = toSchedulerError(thrown);
      const { logger, requestId } = context.state;
      if (error.code === 'internal') logger.error({ err: thrown }, 'request failed');
      else if (error.code === 'unavailable') logger.warn({ err: error.cause }, error.message);
      const problem = toProblem(error, { path: context.path, id: requestId });
      context.status = problem.status;
      context.type = 'application/problem+json';
      context.body = JSON.stringify(problem);
      const { retryAfterSeconds } = PROBLEMS[error.code];
      // The rate limits have set a better one.
      if (retryAfterSeconds !== undefined && !context.res.hasHeader('Retry-After'))
        context.set('Retry-After', String(retryAfterSeconds));
    }
  };
}
