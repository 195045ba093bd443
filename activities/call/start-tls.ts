import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { ExchangeError, reasonOf } from './exchange.ts';

/** What a TLS connection is made with. */
export interface TlsOptions {
  /** Whose certificate is asked for, and checked. */
  host: string;
  secureContext: SecureContext;
  /** In the order in which they are liked (ALPN, RFC 7301). */
  protocols: string[];
}

/**
 * Speaks TLS over a connection. The certificate has to be that of the host, and of an authority that is trusted.
 * @throws Error of `node:tls`, whose message is OpenSSL's
 */
export function startTls(
  socket: Duplex,
  { host, secureContext, protocols }: TlsOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    // The name that TLS asks for has no dot at its end (RFC 6066, 3), though the one in the URL may have one.
    const name = host.replace(/\.$/, '');
    const secure = connect({
      socket: socket,
      host: name,
      ...(isIP(name) ? {} : { servername: name }),
      secureContext,
      ALPNProtocols: protocols,
    });
    const end = () => signal.removeEventListener('abort', onAbort);
    const fail = (error: Error) => {
      end();
      secure.destroy();
      socket.destroy();
      reject(error);
    };
    const onAbort = () => fail(reasonOf(signal));
    secure
      .once('secureConnect', () => {
        end();
        resolve(secure);
      })
      .on('error', fail)
      .once('close', () => fail(new ExchangeError('the connection was closed before TLS was agreed upon')));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
