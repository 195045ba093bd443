import { createSecureContext, type SecureContext } from 'node:tls';
import { parseCertificates, readExtraCertificates } from '../../platform/certificates.ts';

/** Of a context, what `createSecureContext` itself uses; it adds to the authorities that Node trusts, while `ca` replaces them. */
interface NativeContext {
  addCACert: (certificate: string) => void;
}

/**
 * Trusts the authorities that Node trusts, `NODE_EXTRA_CA_CERTS` among them, and those of a PEM file. Connections share one
 * context, for to make one takes long.
 */
export function trustAuthorities(further?: Buffer): SecureContext {
  const secureContext = createSecureContext();
  if (!further) return secureContext;
  const native = secureContext.context as NativeContext;
  // Node 20 forgets its extra ones where others are added.
  for (const certificate of [...parseCertificates(further).certificates, ...readExtraCertificates()])
    native.addCACert(certificate);
  return secureContext;
}
