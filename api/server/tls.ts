import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Logger } from '../../platform/logger.ts';

/** Of this server: PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

/** So often the files are looked at. */
const CHECK_MS = 5 * SECOND_MS;

/** Where the certificate and its key are. */
interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

/** @throws Error if the two do not belong together, or are none */
export function readCertificate({ certFile, keyFile }: CertificateFiles): Certificate {
  const certificate = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  createSecureContext(certificate);
  return certificate;
}

/**
 * Hands over each new certificate that the files hold. One that can not be used, such as half of a pair while the other
 * half is being written, is left alone: the old one stays. Reads the files, for what Kubernetes mounts is swapped
 * unseen by those who watch for changes.
 */
export function watchCertificate(
  files: CertificateFiles,
  first: Certificate,
  logger: Logger,
  use: (certificate: Certificate) => void,
): void {
  let current = first;
  let complained = '';
  setInterval(() => {
    try {
      const next = readCertificate(files);
      if (next.cert === current.cert && next.key === current.key) return;
      use(next);
      current = next;
      complained = '';
      logger.info('took over a new TLS certificate');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== complained)
        logger.warn({ err: error }, 'the TLS certificate can not be used; the old one stays');
      complained = message;
    }
  }, CHECK_MS).unref();
}
