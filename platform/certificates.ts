import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Reads the certificates of a PEM file, each as PEM; what stands between them is none. A fault is said in words. */
export function parseCertificates(content: Buffer): { certificates: string[]; fault?: string } {
  const certificates = content.toString('latin1').match(BLOCK) ?? [];
  if (certificates.length === 0) return { certificates, fault: 'holds no certificate in PEM' };
  const broken = certificates.findIndex((certificate) => !isReadable(certificate));
  return broken === -1
    ? { certificates }
    : { certificates, fault: `certificate ${broken + 1} in it can not be read` };
}

/** Those that Node itself was told to trust; none if they can not be read, of which it warned when it started. */
export function readExtraCertificates(file = process.env['NODE_EXTRA_CA_CERTS']): string[] {
  try {
    return file ? parseCertificates(readFileSync(file)).certificates : [];
  } catch {
    return [];
  }
}

function isReadable(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).subject !== undefined;
  } catch {
    return false;
  }
}
