import cors from '@koa/cors';
import type { Middleware } from 'koa';
import helmet from 'koa-helmet';
import type { RequestState } from './request-context.ts';

/** Response headers that scripts of other origins may read. */
const EXPOSED_HEADERS = [
  'ETag',
  'Location',
  'Link',
  'Idempotency-Replayed',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
];
/** Request headers that scripts of other origins may set. */
const ALLOWED_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'Last-Event-ID',
  'X-Request-Id',
];
/** How long browsers may cache a preflight response. */
const PREFLIGHT_SECONDS = 600;

/** Headers that keep browsers from executing, framing or guessing the type of an answer. */
export function securityHeaders(isTls: boolean): Middleware<RequestState> {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    // Browsers ignore it without TLS. A proxy that terminates TLS sets its own.
    strictTransportSecurity: isTls,
  }) as Middleware<RequestState>;
}

/** Allows pages of these origins to call the API (CORS). Without cookies, because credentials are in a header. */
export function allowOrigins(origins: readonly string[]): Middleware<RequestState> {
  return cors({
    origin: ({ headers }) => (origins.includes(headers.origin ?? '') ? (headers.origin as string) : ''),
    allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposeHeaders: EXPOSED_HEADERS,
    allowHeaders: ALLOWED_HEADERS,
    maxAge: PREFLIGHT_SECONDS,
  }) as Middleware<RequestState>;
}
