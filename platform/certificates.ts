import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The certificates in the content of a PEM file, each as PEM. Ignores text between them. `fault` says what is wrong. */
export function parseCertificates(content: Buffer): { certificates: string[]; fault?: string } {
  const certificates = content.toString('latin1').match(BLOCK) ?? [];
  if (certificates.length === 0) return { certificates, fault: 'holds no certificate in PEM' };
  const broken = certificates.findIndex((certificate) => !isValid(certificate));
  return broken === -1
    ? { certificates }
    : { certificates, fault: `certificate ${broken + 1} in it cannot be read` };
}

/** The certificates of NODE_EXTRA_CA_CERTS. Empty if the file cannot be read; Node itself has warned of that at its start. */
export function readExtraCertificates(file = process.env['NODE_EXTRA_CA_CERTS']): string[] {
  try {
    return file ? parseCertificates(readFileSync(file)).certificates : [];
  } catch {
    return [];
  }
}

function isValid(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).subject !== undefined;
  } catch {
    return false;
  }
}
