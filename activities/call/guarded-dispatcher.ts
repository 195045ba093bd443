import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { findForbiddenName, isLoopback, type AddressRule } from '../../platform/address-rules.ts';
import { findProxy, type OutboundProxy, type ProxySettings } from '../../platform/outbound-proxy.ts';
import { connectFirst, openFirst } from './happy-eyeballs.ts';
import { sendHttp1, type HttpResponse, type OutgoingRequest } from './exchange.ts';
import { ProxyError, openTunnel } from './open-tunnel.ts';
import { ForbiddenAddressError, isLocalhost, resolveAllowed, type Resolve } from './ssrf-guard.ts';
import { startTls, trustAuthorities } from './tls.ts';

/** Sends requests to targets, each over a connection of its own. */
export interface Dispatcher {
  /** @throws Error if there is no complete head; a response whose body is incomplete has a `fault` */
  request: (request: OutgoingRequest, signal: AbortSignal) => Promise<HttpResponse>;
}

/** How calls leave the operator's network. */
export interface OutboundSettings extends ProxySettings {
  /** The proxy gets names, and checks their addresses itself. */
  TARGET_PROXY_RESOLVES?: boolean;
  /** PEM: authorities that are trusted in addition to those of Node. */
  TARGET_CA_FILE?: Buffer | undefined;
}

/**
 * Longer than between plain connections: a proxy is slow to connect, and each attempt costs it a
 * connection.
 */
const TUNNEL_ATTEMPT_DELAY_MS = 2_000;

/**
 * A dispatcher behind the SSRF guard: it connects over TCP, and only to addresses that ssrf-guard.ts
 * has resolved and allowed. A proxy gets the checked address, unless the operator trusts it to resolve
 * names. Loopback addresses are never called through a proxy, because they mean this machine.
 */
export function createGuardedDispatcher(
  rules: readonly AddressRule[],
  resolve: Resolve = lookup,
  outbound: OutboundSettings = {},
): Dispatcher {
  const secureContext = trustAuthorities(outbound.TARGET_CA_FILE);

  async function connectTo(url: URL, host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const proxy = findProxy(url, outbound);
    const isLeftToProxy = proxy && outbound.TARGET_PROXY_RESOLVES && !isIP(host) && !isLocalhost(host);
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
          open: (host, attemptSignal) => openTunnel({ host, port }, access, attemptSignal),
          delayMs: TUNNEL_ATTEMPT_DELAY_MS,
          isFinal: (error) => !(error instanceof ProxyError && error.isOfAddress),
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
