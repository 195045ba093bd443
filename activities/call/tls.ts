import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { parseCertificates, readExtraCertificates } from '../../platform/certificates.ts';
import { abortReason, ExchangeError } from './exchange.ts';

/** The settings of a TLS connection. */
export interface TlsOptions {
  /** The name or address that the certificate must be valid for. */
  host: string;
  secureContext: SecureContext;
  /** For ALPN (RFC 7301), the preferred one first. */
  protocols: string[];
}

/**
 * Starts TLS on a connection. The certificate must be valid for the host, and be issued by a trusted
 * authority.
 * @throws Error of `node:tls`, with the message of OpenSSL
 */
export function startTls(
  socket: Duplex,
  { host, secureContext, protocols }: TlsOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    // The name in the SNI extension has no trailing dot (RFC 6066, 3), even if the URL has one.
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
    const onAbort = () => fail(abortReason(signal));
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

/**
 * The part of a context that `createSecureContext` itself uses. It adds authorities to those of Node;
 * the option `ca` replaces them.
 */
interface NativeContext {
  addCACert: (certificate: string) => void;
}

/**
 * A context that trusts the authorities of Node, those of `NODE_EXTRA_CA_CERTS`, and those of a PEM
 * file. To be shared by connections: creating one is slow.
 */
export function trustAuthorities(further?: Buffer): SecureContext {
  const secureContext = createSecureContext();
  if (!further) return secureContext;
  const native = secureContext.context as NativeContext;
  // Node 20 drops the extra authorities once others are added.
  for (const certificate of [...parseCertificates(further).certificates, ...readExtraCertificates()])
    native.addCACert(certificate);
  return secureContext;
}
