import { Router } from '@koa/router';
import type { Middleware } from 'koa';
import { invalid } from '../domain/errors.ts';
import { findUnstorable, jsonBody } from './middleware/json-body.ts';
import type { RequestState } from './middleware/request-context.ts';
import type { ApiDependencies, Operation } from './operation.ts';
import { parseInput } from './validation.ts';

/** Routes every operation: parse, handle, answer. */
export function createRouter(
  operations: readonly Operation[],
  dependencies: ApiDependencies,
): Router<RequestState> {
  const router = new Router<RequestState>();
  for (const operation of operations) {
    const path = operation.path.replace(/\{(\w+)\}/g, ':$1');
    const steps = [
      ...(operation.body ? [jsonBody({ optional: operation.bodyOptional === true })] : []),
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
    const body = operation.body && parseInput(operation.body, (context.request as { body?: unknown }).body);
    const { logger } = context.state;
    const answer = await operation.handle({ params, query, body, url }, { ...dependencies, logger });
    context.status = answer.status;
    if (answer.headers) context.set(answer.headers);
    if (answer.body === undefined) context.body = null;
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
