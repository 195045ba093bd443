import type { Middleware, ParameterizedContext } from 'koa';
import { allows, type Scope } from '../../domain/access.ts';
import { SchedulerError } from '../../domain/errors.ts';
import type { Authenticate } from '../access/authenticate.ts';
import { clientOfAddress, parseAddress, type CountRequest, type RequestKind } from '../access/rate-limits.ts';
import type { Session } from '../access/session.ts';
import type { RequestState } from './request-context.ts';

/** Authentication, and the rate limits. */
export interface AccessControl {
  authenticate: Authenticate;
  countRequest: CountRequest;
}

/**
 * Refuses a request before its body is read, unless its credentials are valid, its client is within its rate limit, and its
 * caller has the scope. Without `scope`, any scope will do. Without `kind`, only requests with bad credentials are counted.
 */
export function requireAccess(
  { authenticate, countRequest }: AccessControl,
  kind?: RequestKind,
  scope?: Scope,
): Middleware<RequestState> {
  return async (context, next) => {
    const caller = await identify(context, authenticate, countRequest);
    context.state.caller = caller;
    context.state.logger = context.state.logger.child({ caller: caller.name, namespace: caller.namespace });
    if (kind !== undefined) await requireAllowance(context, countRequest, kind, caller.client);
    if (scope !== undefined && !allows(caller, scope)) {
      // RFC 6750, 3.1.
      context.set('WWW-Authenticate', `Bearer error="insufficient_scope", scope="${scope}"`);
      const held = caller.scopes.length > 0 ? caller.scopes.join(', ') : 'none';
      const message = `This needs the scope ${scope}; the scopes of the caller are: ${held}.`;
      throw new SchedulerError('forbidden', message);
    }
    await next();
  };
}

/**
 * Authenticates the caller. Requests with bad credentials count towards the read limit of their address.
 * @throws SchedulerError `unauthenticated`, `forbidden`, `rate_limited` or `unavailable`
 */
async function identify(
  context: ParameterizedContext<RequestState>,
  authenticate: Authenticate,
  countRequest: CountRequest,
): Promise<Session> {
  const address = parseAddress(context.ip) ?? parseAddress(context.req.socket.remoteAddress ?? '');
  if (address) context.state.address = address.toString();
  const addressClient = address ? clientOfAddress(address) : '';
  try {
    return await authenticate({
      authorization: context.get('authorization'),
      host: context.get('host'),
      addressClient,
    });
  } catch (error) {
    if (!(error instanceof SchedulerError)) throw error;
    await requireAllowance(context, countRequest, 'reads', addressClient);
    if (error.code !== 'unauthenticated') throw error;
    const isGiven = context.get('authorization') !== '';
    context.set('WWW-Authenticate', isGiven ? 'Bearer error="invalid_token"' : 'Bearer');
    throw error;
  }
}

/**
 * Counts the request, and tells the client of its limit (draft-ietf-httpapi-ratelimit-headers).
 * @throws SchedulerError `rate_limited`
 */
async function requireAllowance(
  context: ParameterizedContext<RequestState>,
  countRequest: CountRequest,
  kind: RequestKind,
  client: string,
): Promise<void> {
  const allowance = await countRequest(kind, client);
  if (!allowance) return;
  const { limit, windowSeconds, remaining, resetSeconds, isExceeded } = allowance;
  context.set('RateLimit-Policy', `"${kind}";q=${limit};w=${windowSeconds}`);
  context.set('RateLimit', `"${kind}";r=${remaining};t=${resetSeconds}`);
  if (!isExceeded) return;
  context.set('Retry-After', String(resetSeconds));
  const message = `More than ${limit} ${kind} in ${windowSeconds} seconds; try again in ${resetSeconds} s.`;
  throw new SchedulerError('rate_limited', message);
}
