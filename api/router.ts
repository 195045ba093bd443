import { Router } from '@koa/router';
import type { Middleware, ParameterizedContext } from 'koa';
import type { Source } from '../domain/job/audit.ts';
import { invalid } from '../domain/errors.ts';
import type { Origin } from '../domain/run/origin.ts';
import { currentTraceparent } from '../platform/spans.ts';
import type { Session } from './access/session.ts';
import { requireAccess, type AccessControl } from './middleware/access.ts';
import { findUnstorable } from '../domain/text.ts';
import { jsonBody } from './middleware/json-body.ts';
import type { RequestState } from './middleware/request-context.ts';
import { namespaceFor, queryOf } from './rest/namespace.ts';
import { isRead, JSON_TYPES, type Answer, type ApiDependencies, type Operation } from './rest/operation.ts';
import { parseHeaders, parseInput } from './rest/validation.ts';

/** A router with every operation. Each request passes access control, the parsing of its body, and the handler. */
export function createRouter(
  operations: readonly Operation[],
  dependencies: ApiDependencies,
  accessControl: AccessControl,
): Router<RequestState> {
  const router = new Router<RequestState>();
  for (const operation of operations) {
    const path = operation.path.replace(/\{(\w+)\}/g, ':$1');
    const steps = [
      recordRoute(operation.path),
      ...accessGuards(operation, accessControl),
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

/** Records the route before anything can refuse the request, so that metrics and traces always have it. */
const recordRoute =
  (route: string): Middleware<RequestState> =>
  (context, next) => {
    context.state.route = route;
    return next();
  };

function accessGuards(operation: Operation, accessControl: AccessControl): Middleware<RequestState>[] {
  if (operation.access === 'public') return [];
  if (operation.access === 'credentials') return [requireAccess(accessControl)];
  return [requireAccess(accessControl, isRead(operation) ? 'reads' : 'writes', operation.access)];
}

/** The caller of a public operation. */
const ANONYMOUS: Session = {
  name: '',
  credential: 'none',
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
    const { logger, requestId, caller = ANONYMOUS } = context.state;
    const traceparent = currentTraceparent();
    const origin = { requestId, ...(traceparent === undefined ? {} : { traceparent }) };
    const source = sourceOf(caller, context.state.address, origin);
    const requestedNamespace = (query as { namespace?: string } | undefined)?.namespace;
    const namespace = namespaceFor(caller, requestedNamespace);
    const headers = operation.headers && parseHeaders(operation.headers, context.headers);
    const { body: sent } = context.request as { body?: unknown };
    const body = operation.body && parseInput(operation.body, sent);
    const answer = await operation.handle(
      { params, query, headers, body, sent, caller, namespace, origin, source, method: context.method, url },
      { ...dependencies, logger },
    );
    respond(context, answer);
    // The link stays in the namespace that the request named.
    const { Location: location } = answer.headers ?? {};
    if (location && requestedNamespace !== undefined)
      context.set('Location', `${location}?namespace=${requestedNamespace}`);
  };
}

/** What the audit log tells of a request. */
const sourceOf = (
  { name, credential, apiKeyId }: Session,
  address: string | undefined,
  origin: Origin,
): Source => ({
  by: name,
  credential,
  ...(apiKeyId === undefined ? {} : { apiKeyId }),
  ...(address === undefined ? {} : { address }),
  ...origin,
});

function respond(
  context: ParameterizedContext<RequestState>,
  { status, headers, body, stream }: Answer,
): void {
  context.status = status;
  if (headers) context.set(headers);
  if (stream) {
    // X-Accel-Buffering keeps nginx from holding events back.
    context.set({ 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
    context.type = 'text/event-stream';
    context.body = stream;
    // Koa does not close the connection of a stream that was destroyed before its end.
    stream.once('close', () => {
      if (!context.res.writableEnded) context.res.destroy();
    });
  } else if (body === undefined || body === null) context.body = null;
  else {
    context.type = 'application/json';
    context.body = JSON.stringify(body);
  }
}

/** @throws SchedulerError `invalid` for a query whose percent-encoding is not UTF-8, or whose text PostgreSQL cannot store */
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

/** The fault in the encoding of a query; undefined if there is none. Pure. */
function findEncodingFault(query: string): string | undefined {
  // Node decodes each byte beyond ASCII as one character, so the encoding that was sent is lost.
  if (/[^\x21-\x7e]/.test(query))
    return 'the query holds characters beyond ASCII; percent-encode them as UTF-8';
  try {
    decodeURIComponent(query);
    return undefined;
  } catch {
    return 'the query holds a % that begins no escape, or escapes that are no UTF-8; write a % as %25';
  }
}
