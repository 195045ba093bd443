import { Router } from '@koa/router';
import type { Middleware } from 'koa';
import { invalid } from '../domain/errors.ts';
import { findUnstorable, jsonBody } from './middleware/json-body.ts';
import type { RequestState } from './middleware/request-context.ts';
import { JSON_TYPES, type ApiDependencies, type Operation } from './operation.ts';
import { parseHeaders, parseInput } from './validation.ts';

/** Routes every operation: parse, handle, answer. */
export function createRouter(
  operations: readonly Operation[],
  dependencies: ApiDependencies,
): Router<RequestState> {
  const router = new Router<RequestState>();
  for (const operation of operations) {
    const path = operation.path.replace(/\{(\w+)\}/g, ':$1');
    const steps = [
      ...(operation.body
        ? [
            jsonBody({
              optional: operation.bodyOptional === true,
              types: operation.bodyTypes ?? JSON_TYPES,
            }),
          ]
        : []),
      handler(operation, dependencies),
    ];
    router.register(path, [operation.method], steps);
  }
  return router;
}

function handler(operation: Operation, dependencies: ApiDependencies): Middleware<RequestState> {
  return async (context) => {
    const url = new URL(context.originalUrl, 'http://localhost');
    requireStorableQuery(url);
    const params =
      operation.params && parseInput(operation.params, (context as unknown as { params: unknown }).params);
    const query = operation.query && parseInput(operation.query, { ...context.query });
    const headers = operation.headers && parseHeaders(operation.headers, context.headers);
    const { body: sent } = context.request as { body?: unknown };
    const body = operation.body && parseInput(operation.body, sent);
    const { logger } = context.state;
    const answer = await operation.handle(
      { params, query, headers, body, sent, method: context.method, url },
      { ...dependencies, logger },
    );
    context.status = answer.status;
    if (answer.headers) context.set(answer.headers);
    if (answer.stream) {
      context.set({ 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
      context.type = 'text/event-stream';
      context.body = answer.stream;
      // A stream that is broken off ends its answer too; Koa leaves that open.
      answer.stream.once('close', () => {
        if (!context.res.writableEnded) context.res.destroy();
      });
    } else if (answer.body === undefined || answer.body === null) context.body = null;
    else {
      context.type = 'application/json';
      context.body = JSON.stringify(answer.body);
    }
  };
}

function requireStorableQuery(url: URL): void {
  for (const [name, value] of url.searchParams) {
    const fault = findUnstorable(name) ?? findUnstorable(value);
    if (fault)
      throw invalid([{ path: name.slice(0, 64).replaceAll('\0', ''), code: 'not_text', message: fault }]);
  }
}
