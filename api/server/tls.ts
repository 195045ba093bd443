import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Logger } from '../../platform/logger.ts';

/** The certificate of this server, and its private key, in PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

/** How often the files are read. */
const READ_EVERY_MS = 5 * SECOND_MS;

interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

/** Reads the files. @throws Error if they are no certificate and key, or do not belong together */
export function readCertificate({ certFile, keyFile }: CertificateFiles): Certificate {
  const certificate = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  createSecureContext(certificate);
  return certificate;
}

/**
 * Calls `use` with each new certificate in the files. While the files are no valid pair, such as in the middle of a change,
 * the old certificate stays. Reads the files periodically, because file watchers miss the symbolic links that Kubernetes
 * swaps.
 */
export function watchCertificate(
  files: CertificateFiles,
  first: Certificate,
  logger: Logger,
  use: (certificate: Certificate) => void,
): void {
  let current = first;
  let lastFault = '';
  setInterval(() => {
    try {
      const next = readCertificate(files);
      if (next.cert === current.cert && next.key === current.key) return;
      use(next);
      current = next;
      lastFault = '';
      logger.info('loaded a new TLS certificate');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== lastFault)
        logger.warn({ err: error }, 'cannot use the TLS certificate in the files; the old one stays');
      lastFault = message;
    }
  }, READ_EVERY_MS).unref();
}
