import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { findForbiddenName, isLoopback, type AddressRule } from '../../platform/address-rules.ts';
import { findProxy, type OutboundProxy, type ProxySettings } from '../../platform/outbound-proxy.ts';
import { connectFirst, openFirst } from './connect-first.ts';
import type { Answer, OutgoingRequest } from './exchange.ts';
import { ProxyError, openTunnel } from './open-tunnel.ts';
import { ForbiddenAddressError, isLocalhost, resolveAllowed, type Resolve } from './resolve-allowed.ts';
import { sendHttp1 } from './send-http1.ts';
import { startTls } from './start-tls.ts';
import { trustAuthorities } from './trusted-authorities.ts';

/** Makes calls to targets, of which each has a connection of its own. */
export interface Dispatcher {
  /** @throws Error if no head of an answer comes; one that is cut off after its head has a `fault` */
  request: (request: OutgoingRequest, signal: AbortSignal) => Promise<Answer>;
}

/** How calls get out of the operator's network. */
export interface WayOut extends ProxySettings {
  /** The proxy is told names, and looks after their addresses itself. */
  TARGET_PROXY_RESOLVES?: boolean;
  /** PEM: authorities that are trusted besides the usual ones. */
  TARGET_CA_FILE?: Buffer | undefined;
}

/** A proxy takes its time to connect, and each attempt costs it a connection. */
const TUNNEL_DELAY_MS = 2_000;

/**
 * A dispatcher that connects to allowed addresses only (`findForbidden`), and over TCP only. A name is resolved once, all of
 * its addresses are checked, and the connection goes to one of those very addresses, so that a name that changes in between
 * gains nothing. A proxy is told the address that was checked, unless it is trusted to resolve names; loopback addresses
 * are those of this machine, and never a proxy's.
 */
export function createGuardedDispatcher(
  rules: readonly AddressRule[],
  resolve: Resolve = lookup,
  wayOut: WayOut = {},
): Dispatcher {
  const secureContext = trustAuthorities(wayOut.TARGET_CA_FILE);

  async function connectTo(url: URL, host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const proxy = findProxy(url, wayOut);
    const isLeftToProxy = proxy && wayOut.TARGET_PROXY_RESOLVES && !isIP(host) && !isLocalhost(host);
    if (isLeftToProxy) {
      const reason = findForbiddenName(host, rules);
      if (reason) throw new ForbiddenAddressError(reason);
      return connectThrough(proxy, [host], port, signal);
    }
    const addresses = await resolveAllowed(host, rules, resolve, signal);
    return proxy && !addresses.some(isLoopback)
      ? connectThrough(proxy, addresses, port, signal)
      : connectFirst(addresses, port, signal);
  }

  async function connectThrough(proxy: OutboundProxy, hosts: string[], port: number, signal: AbortSignal) {
    const access = { proxy, secureContext, resolve };
    try {
      return await openFirst(
        hosts,
        {
          open: (host, whileWanted) => openTunnel({ host, port }, access, whileWanted),
          delayMs: TUNNEL_DELAY_MS,
          isVain: (error) => !(error instanceof ProxyError && error.isOfAddress),
        },
        signal,
      );
    } catch (error) {
      throw signal.aborted ? new ProxyError(`the proxy (${proxy.variable}) opened no connection`) : error;
    }
  }

  return {
    async request(request, signal) {
      const { url } = request;
      const host = url.hostname.replace(/^\[|\]$/g, '');
      const isSecure = url.protocol === 'https:';
      const socket = await connectTo(url, host, Number(url.port) || (isSecure ? 443 : 80), signal);
      const line = { path: url.pathname + url.search, host: url.host };
      if (!isSecure) return sendHttp1(socket, request, line, signal);
      const secure = await startTls(socket, { host, secureContext, protocols: ['http/1.1'] }, signal);
      return sendHttp1(secure, request, line, signal);
    },
  };
}
