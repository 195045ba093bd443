import { Router } from '@koa/router';
import type { RequestListener } from 'node:http';
import Koa, { type Middleware } from 'koa';
import type { Config } from '../platform/config.ts';
import type { Logger } from '../platform/logger.ts';
import { METRICS_CONTENT_TYPE, type MetricsRegistry } from '../platform/metrics.ts';
import { serveDocs } from './docs.ts';
import { requireAccess, type AccessControl } from './middleware/access.ts';
import { allowOrigins, securityHeaders } from './middleware/security-headers.ts';
import { pathPrefix } from './middleware/path-prefix.ts';
import { checkRequestTarget, problems } from './middleware/problems.ts';
import { requestContext, type RequestState } from './middleware/request-context.ts';
import { traceRequests } from './middleware/trace-requests.ts';
import { createOpenApiDocument } from './rest/openapi.ts';
import type { ApiDependencies } from './rest/operation.ts';
import { createRequestMetrics, type ObserveRequest } from './server/request-metrics.ts';
import { createRouter } from './router.ts';
import { operations } from './routes/index.ts';
import { VERSION } from './version.ts';

type App = Koa<RequestState>;

/** The request listener of an application. Koa itself answers the errors that escape its middleware. */
export function toListener(app: App): RequestListener {
  const handle = app.callback();
  return (request, response) => void handle(request, response);
}

/**
 * Builds the API as Koa applications, which do not listen yet: `api` for clients, and `internal` for documents and metrics,
 * if `INTERNAL_PORT` gives those a port of their own.
 */
export function createApps(
  config: Config,
  dependencies: ApiDependencies,
  accessControl: AccessControl,
  registry: MetricsRegistry,
): { api: App; internal: App | undefined } {
  const { logger } = dependencies;
  const router = createRouter(operations, dependencies, accessControl);
  const hasInternal = config.INTERNAL_PORT !== undefined;
  const internalRouter = hasInternal ? new Router<RequestState>() : router;
  const guards = config.INTERNAL_ACCESS === 'public' ? [] : [requireAccess(accessControl, 'reads')];
  serveDocs(internalRouter, createOpenApiDocument(operations, VERSION), guards);
  internalRouter.get('/metrics', ...guards, async (context) => {
    context.type = METRICS_CONTENT_TYPE;
    context.body = await registry.metrics();
  });
  const observe = createRequestMetrics(registry);
  return {
    api: createApp(config, logger, observe, router),
    internal: hasInternal ? createApp(config, logger, observe, internalRouter) : undefined,
  };
}

/** The middleware of every request, outermost first. */
function createApp(
  config: Config,
  logger: Logger,
  observe: ObserveRequest,
  router: Router<RequestState>,
): App {
  const app = new Koa<RequestState>();
  // Each trusted proxy appends one entry to X-Forwarded-For. A client can write anything before those.
  app.proxy = config.TRUST_PROXY > 0;
  app.maxIpsCount = config.TRUST_PROXY;
  app.use(pathPrefix());
  app.use(checkRequestTarget());
  app.use(traceRequests());
  app.use(requestContext(logger, observe));
  app.use(securityHeaders(config.TLS_CERT_FILE !== undefined));
  if (config.CORS_ORIGINS.length > 0) app.use(allowOrigins(config.CORS_ORIGINS));
  app.use(problems());
  app.use(router.routes());
  app.use(router.allowedMethods() as unknown as Middleware<RequestState>);
  // Errors outside of the middleware, such as a client that closes its connection early.
  app.on('error', (error: Error) => logger.debug({ err: error }, 'connection error'));
  return app;
}
