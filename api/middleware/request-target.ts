import type { Middleware } from 'koa';
import type { RequestState } from './request-context.ts';

/** Notes whether what a request asks for can be read. Koa would throw wherever it is looked at; so it is, until it is refused, `/`. */
export function checkRequestTarget(): Middleware<RequestState> {
  return (context, next) => {
    context.state.hasBadTarget = !URL.canParse(context.req.url ?? '', 'http://localhost');
    if (context.state.hasBadTarget) context.req.url = '/';
    return next();
  };
}
