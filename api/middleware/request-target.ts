import type { Middleware } from 'koa';
import type { RequestState } from './request-context.ts';

/**
 * Marks a request whose target cannot be parsed as a URL, and gives it the target `/` until `problems` refuses it. Koa would
 * throw at any use of the original.
 */
export function checkRequestTarget(): Middleware<RequestState> {
  return (context, next) => {
    context.state.hasBadTarget = !URL.canParse(context.req.url ?? '', 'http://localhost');
    if (context.state.hasBadTarget) context.req.url = '/';
    return next();
  };
}
