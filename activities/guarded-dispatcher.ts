import { lookup } from 'node:dns';
import { createSecureContext } from 'node:tls';
import type { AddressRule } from '../platform/address-rules.ts';
import { connectFirst } from './call/connect-first.ts';
import type { Answer, OutgoingRequest } from './call/exchange.ts';
import { resolveAllowed, type Resolve } from './call/resolve-allowed.ts';
import { sendHttp1 } from './call/send-http1.ts';
import { startTls } from './call/start-tls.ts';

/** Makes calls to targets, of which each has a connection of its own. */
export interface Dispatcher {
  /** @throws Error if no head of an answer comes; one that is cut off after its head has a `fault` */
  request: (request: OutgoingRequest, signal: AbortSignal) => Promise<Answer>;
}

/**
 * A dispatcher that connects to allowed addresses only (`findForbidden`), and over TCP only. A name is resolved once, all of
 * its addresses are checked, and the connection goes to one of those very addresses, so that a name that changes in between
 * gains nothing.
 */
export function createGuardedDispatcher(
  rules: readonly AddressRule[],
  resolve: Resolve = lookup,
): Dispatcher {
  const secureContext = createSecureContext();
  return {
    async request(request, signal) {
      const { url } = request;
      const host = url.hostname.replace(/^\[|\]$/g, '');
      const isSecure = url.protocol === 'https:';
      const addresses = await resolveAllowed(host, rules, resolve, signal);
      const socket = await connectFirst(addresses, Number(url.port) || (isSecure ? 443 : 80), signal);
      const line = { path: url.pathname + url.search, host: url.host };
      if (!isSecure) return sendHttp1(socket, request, line, signal);
      const secure = await startTls(socket, { host, secureContext, protocols: ['http/1.1'] }, signal);
      return sendHttp1(secure, request, line, signal);
    },
  };
}
