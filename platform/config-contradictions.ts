import type { z } from 'zod';

/** Finds variables that are to be given together, or not together. */
export function findContradictions(config: Record<string, unknown>, context: z.RefinementCtx): void {
  const given = (name: string) => config[name] !== undefined;
  const fault = (name: string, message: string) =>
    context.addIssue({ code: 'custom', path: [name], message });
  for (const prefix of ['TEMPORAL_TLS', 'TLS']) {
    const [certificate, key] = [`${prefix}_CERT_FILE`, `${prefix}_KEY_FILE`];
    if (given(certificate) !== given(key))
      fault(certificate, `a certificate needs both ${certificate} and ${key}`);
  }
  const { PORT: port, INTERNAL_PORT: internalPort } = config;
  if (port === internalPort && port !== 0) fault('INTERNAL_PORT', 'is the same as PORT');
  const hasJwt = given('JWT_JWKS_URL') || given('JWT_PUBLIC_KEY_FILE');
  if (given('JWT_JWKS_URL') && given('JWT_PUBLIC_KEY_FILE'))
    fault('JWT_JWKS_URL', 'and JWT_PUBLIC_KEY_FILE exclude each other');
  for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE']) {
    if (hasJwt && !given(name)) fault(name, 'is required with JWT_JWKS_URL or JWT_PUBLIC_KEY_FILE');
    if (!hasJwt && given(name)) fault(name, 'does nothing without JWT_JWKS_URL or JWT_PUBLIC_KEY_FILE');
  }
  if (config['AUTH'] === 'off' && (hasJwt || given('API_KEY_PEPPER')))
    fault('AUTH', 'is off, while keys or tokens are configured: take one of the two away');
}
