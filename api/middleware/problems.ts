import type { Middleware } from 'koa';
import { SchedulerError } from '../../domain/errors.ts';
import { RETRY_AFTER_SECONDS, toProblem, toSchedulerError } from '../problem.ts';
import type { RequestState } from './request-context.ts';

/** Answers every error, and every path that nothing answered, as application/problem+json. */
export function problems(): Middleware<RequestState> {
  return async (context, next) => {
    try {
      await next();
      if (context.status === 404 && context.body === undefined) {
        throw new SchedulerError(
          'not_found',
          `There is nothing at ${context.path}; /docs shows what there is.`,
        );
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
      if (error.code === 'unavailable') context.set('Retry-After', String(RETRY_AFTER_SECONDS));
    }
  };
}
