import Koa, { type Middleware } from 'koa';
import { problems } from './middleware/problems.ts';
import { requestContext, type RequestState } from './middleware/request-context.ts';
import { serveDocs } from './docs.ts';
import { createOpenApiDocument } from './openapi.ts';
import type { ApiDependencies } from './operation.ts';
import { createRouter } from './router.ts';
import { operations } from './routes/index.ts';
import { VERSION } from './version.ts';

/** The API as a Koa application. It listens nowhere yet. */
export function createApp(dependencies: ApiDependencies): Koa<RequestState> {
  const app = new Koa<RequestState>();
  const router = createRouter(operations, dependencies);
  serveDocs(router, createOpenApiDocument(operations, VERSION));
  app.use(requestContext(dependencies.logger));
  app.use(problems());
  app.use(router.routes());
  app.use(router.allowedMethods() as unknown as Middleware<RequestState>);
  // Only what breaks outside of the middleware, such as a client that hangs up, arrives here.
  app.on('error', (error: Error) => dependencies.logger.debug({ err: error }, 'connection error'));
  return app;
}
