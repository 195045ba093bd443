import { Router } from '@koa/router';
import type { Middleware } from 'koa';
import { invalid } from '../domain/errors.ts';
import { currentTraceparent } from '../platform/spans.ts';
import type { Session } from './access/session.ts';
import { requireAccess, type AccessControl } from './middleware/access.ts';
import { findUnstorable } from '../domain/text.ts';
import { jsonBody } from './middleware/json-body.ts';
import type { RequestState } from './middleware/request-context.ts';
import { namespaceFor, queryOf } from './rest/namespace.ts';
import { isRead, JSON_TYPES, type ApiDependencies, type Operation } from './rest/operation.ts';
import { parseHeaders, parseInput } from './rest/validation.ts';

/** Routes every operation: let in, parse, handle, answer. */
export function createRouter(
  operations: readonly Operation[],
  dependencies: ApiDependencies,
  accessControl: AccessControl,
): Router<RequestState> {
  const router = new Router<RequestState>();
  for (const operation of operations) {
    const path = operation.path.replace(/\{(\w+)\}/g, ':$1');
    const steps = [
      nameRoute(operation.path),
      ...guard(operation, accessControl),
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

/** For the metrics: also of a request that is refused on the way. */
const nameRoute =
  (route: string): Middleware<RequestState> =>
  (context, next) => {
    context.state.route = route;
    return next();
  };

function guard(operation: Operation, accessControl: AccessControl): Middleware<RequestState>[] {
  if (operation.access === 'public') return [];
  if (operation.access === 'credentials') return [requireAccess(accessControl)];
  return [requireAccess(accessControl, isRead(operation) ? 'reads' : 'writes', operation.access)];
}

/** Who asks for what is public. */
const NOBODY: Session = {
  name: '',
  namespace: '',
  scopes: [],
  client: '',
  isStillValid: async () => true,
};

function handler(operation: Operation, dependencies: ApiDependencies): Middleware<RequestState> {
  const querySchema = queryOf(operation);
  return async (context) => {
    const url = new URL(context.originalUrl, 'http://localhost');
    requireStorableQuery(url, context.originalUrl);
    const params =
      operation.params && parseInput(operation.params, (context as unknown as { params: unknown }).params);
    const query = querySchema && parseInput(querySchema, { ...context.query });
    const { logger, requestId, caller = NOBODY } = context.state;
    const traceparent = currentTraceparent();
    const origin = { requestId, ...(traceparent === undefined ? {} : { traceparent }) };
    const asked = (query as { namespace?: string } | undefined)?.namespace;
    const namespace = namespaceFor(caller, asked);
    const headers = operation.headers && parseHeaders(operation.headers, context.headers);
    const { body: sent } = context.request as { body?: unknown };
    const body = operation.body && parseInput(operation.body, sent);
    const answer = await operation.handle(
      { params, query, headers, body, sent, caller, namespace, origin, method: context.method, url },
      { ...dependencies, logger },
    );
    context.status = answer.status;
    if (answer.headers) context.set(answer.headers);
    const { Location: location } = answer.headers ?? {};
    // Whoever follows it is in the same namespace again.
    if (location && asked !== undefined) context.set('Location', `${location}?namespace=${asked}`);
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

/** @throws SchedulerError `invalid` for a query that would be read as another text than was sent */
function requireStorableQuery(url: URL, sent: string): void {
  const query = /\?(.*)/s.exec(sent)?.[1] ?? '';
  const fault = findEncodingFault(query);
  if (fault) throw invalid([{ path: '', code: 'not_text', message: fault }]);
  for (const [name, value] of url.searchParams) {
    const fault = findUnstorable(name) ?? findUnstorable(value);
    if (fault)
      throw invalid([{ path: name.slice(0, 64).replaceAll('\0', ''), code: 'not_text', message: fault }]);
  }
}

/** Says what keeps a query from being read as it was meant; undefined if nothing does. Pure. */
function findEncodingFault(query: string): string | undefined {
  // Node gives each byte beyond ASCII a character of its own: which encoding it was, nobody knows.
  if (/[^\x21-\x7e]/.test(query))
    return 'the query holds characters beyond ASCII; percent-encode them as UTF-8';
  try {
    decodeURIComponent(query);
    return undefined;
  } catch {
    return 'the query holds a % that begins no escape, or escapes that are no UTF-8; write a % as %25';
  }
}
