import cors from '@koa/cors';
import type { Middleware } from 'koa';
import helmet from 'koa-helmet';
import type { RequestState } from './request-context.ts';

/** What scripts of other origins may read of an answer, and set on a request. */
const EXPOSED = [
  'ETag',
  'Location',
  'Link',
  'Idempotency-Replayed',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
];
const ALLOWED = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'Last-Event-ID',
  'X-Request-Id',
];
const PREFLIGHT_SECONDS = 600;

/** Headers that tell browsers to do nothing with an answer but read it. */
export function securityHeaders(isTls: boolean): Middleware<RequestState> {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    // It means nothing without TLS; a proxy that ends TLS sets its own.
    strictTransportSecurity: isTls,
  }) as Middleware<RequestState>;
}

/** Lets pages of these origins call the API. They send their credentials in a header, so no cookies are allowed for. */
export function allowOrigins(origins: readonly string[]): Middleware<RequestState> {
  return cors({
    origin: ({ headers }) => (origins.includes(headers.origin ?? '') ? (headers.origin as string) : ''),
    allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposeHeaders: EXPOSED,
    allowHeaders: ALLOWED,
    maxAge: PREFLIGHT_SECONDS,
  }) as Middleware<RequestState>;
}
