import { SpanKind } from '@opentelemetry/api';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
} from '@opentelemetry/semantic-conventions';
import type { Middleware } from 'koa';
import { failSpan, inSpan } from '../../platform/spans.ts';
import { isProbe, type RequestState } from './request-context.ts';

/**
 * Traces each request, except probes and scrapes, as a span that is named after its route and continues the trace of
 * `traceparent`. The span of a stream ends when the stream begins.
 */
export function traceRequests(): Middleware<RequestState> {
  return async (context, next) => {
    if (isProbe(context.path)) {
      await next();
      return;
    }
    const { method } = context;
    const headers = { traceparent: context.get('traceparent'), tracestate: context.get('tracestate') };
    const attributes = {
      [ATTR_HTTP_REQUEST_METHOD]: method,
      [ATTR_URL_SCHEME]: context.protocol,
      [ATTR_URL_PATH]: context.path,
    };
    await inSpan(method, { kind: SpanKind.SERVER, headers, attributes }, async (span) => {
      await next();
      const { status } = context;
      const { route } = context.state;
      if (route !== undefined) {
        span.updateName(`${method} ${route}`);
        span.setAttribute(ATTR_HTTP_ROUTE, route);
      }
      span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, status);
      span.setAttribute('scheduler.request.id', context.state.requestId);
      if (status >= 500) failSpan(span, String(status));
    });
  };
}
