import { request as httpRequest } from 'node:http';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { OutboundProxy } from '../../platform/outbound-proxy.ts';
import { connectFirst } from './happy-eyeballs.ts';
import { describeError } from './describe-error.ts';
import { abortReason, ExchangeError, MAX_HEADER_BYTES } from './exchange.ts';
import { lookUp, type Resolve } from './ssrf-guard.ts';
import { startTls } from './tls.ts';

/** A proxy failed. The message holds no credentials. */
export class ProxyError extends ExchangeError {
  /** True if the proxy may reach another address of the target. */
  readonly isOfAddress: boolean;
  constructor(reason: string, isOfAddress = false) {
    super(reason);
    this.name = 'ProxyError';
    this.isOfAddress = isOfAddress;
  }
}

/** A proxy, and how to connect to it. */
export interface ProxyAccess {
  proxy: OutboundProxy;
  /** For TLS with the proxy itself. */
  secureContext: SecureContext;
  resolve: Resolve;
}

/**
 * Opens a tunnel through a proxy to a host (CONNECT, RFC 9110, 9.3.6). The operator chose the proxy, so
 * the SSRF guard does not check its address.
 * @throws ProxyError
 */
export async function openTunnel(
  { host, port }: { host: string; port: number },
  access: ProxyAccess,
  signal: AbortSignal,
): Promise<Duplex> {
  const connection = await connectToProxy(access, signal);
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const { status, tunnel } = await sendConnect(connection, authority, access.proxy, signal);
  if (status >= 200 && status < 300) return tunnel;
  tunnel.destroy();
  throw refusal(status, authority, access.proxy.variable);
}

async function connectToProxy({ proxy, secureContext, resolve }: ProxyAccess, signal: AbortSignal) {
  const { host, port, isSecure } = proxy;
  try {
    const addresses = isIP(host) ? [host] : await lookUp(host, resolve, signal);
    const socket = await connectFirst(addresses, port, signal);
    return isSecure
      ? await startTls(socket, { host, secureContext, protocols: ['http/1.1'] }, signal)
      : socket;
  } catch (error) {
    throw signal.aborted ? abortReason(signal) : failure(error, proxy);
  }
}

/** Sends the CONNECT request. After a 2xx status, the returned connection is the tunnel to the target. */
function sendConnect(
  connection: Duplex,
  authority: string,
  proxy: OutboundProxy,
  signal: AbortSignal,
): Promise<{ status: number; tunnel: Duplex }> {
  return new Promise((resolve, reject) => {
    const end = () => signal.removeEventListener('abort', onAbort);
    let isAnswered = false;
    const fail = (error: Error) => {
      // The request has ended, and the connection belongs to the tunnel.
      if (isAnswered) return;
      end();
      connection.destroy();
      reject(error);
    };
    const onAbort = () => fail(abortReason(signal));
    const outgoing = httpRequest({
      createConnection: () => connection,
      method: 'CONNECT',
      path: authority,
      setHost: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: {
        host: authority,
        ...(proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization }),
      },
    });
    outgoing
      .once('connect', ({ statusCode = 0 }, tunnel, head) => {
        isAnswered = true;
        end();
        if (head.length > 0) tunnel.unshift(head);
        resolve({ status: statusCode, tunnel });
      })
      .on('error', (error) => fail(failure(error, proxy)))
      .once('close', () => fail(failure(new Error('the connection was closed without an answer'), proxy)));
    connection.on('error', () => undefined);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    outgoing.end();
  });
}

/** The error for a status with which the proxy refuses a tunnel. */
function refusal(status: number, authority: string, variable: string): ProxyError {
  const proxy = `the proxy (${variable})`;
  const target = authority.length > 100 ? `${authority.slice(0, 100)}…` : authority;
  if (status === 407)
    return new ProxyError(`${proxy} asks for other credentials than those in ${variable}, if any (407)`);
  if (status === 401 || status === 403)
    return new ProxyError(`${proxy} does not let calls go to ${target} (${status})`);
  if (status >= 500) return new ProxyError(`${proxy} could not connect to ${target} (${status})`, true);
  return new ProxyError(`${proxy} answered CONNECT to ${target} with ${status}`);
}

function failure(error: unknown, { variable }: OutboundProxy): ProxyError {
  const words = describeError(error).replaceAll('the target', 'the proxy');
  return new ProxyError(`the proxy (${variable}) cannot be used: ${words}`);
}
