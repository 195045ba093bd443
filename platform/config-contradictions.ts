/**
 * Finds variables that need or exclude one another. Independent of whether each is valid by itself, so that an operator sees
 * all faults at once. Pure.
 */
export function findContradictions(variables: Record<string, string | undefined>): string[] {
  const given = (name: string) => variables[name] !== undefined;
  const faults: string[] = [];
  const fault = (name: string, message: string) => faults.push(`${name}: ${message}`);
  for (const prefix of ['TEMPORAL_TLS', 'TLS']) {
    const [certificate, key] = [`${prefix}_CERT_FILE`, `${prefix}_KEY_FILE`];
    if (given(certificate) !== given(key))
      fault(certificate, `a certificate needs both ${certificate} and ${key}`);
  }
  const port = Number(variables['PORT'] ?? DEFAULT_PORT);
  if (given('INTERNAL_PORT') && port === Number(variables['INTERNAL_PORT']) && port !== 0)
    fault('INTERNAL_PORT', 'is the same as PORT');
  const hasJwt = given('JWT_JWKS_URL') || given('JWT_PUBLIC_KEY_FILE');
  if (given('JWT_JWKS_URL') && given('JWT_PUBLIC_KEY_FILE'))
    fault('JWT_JWKS_URL', 'and JWT_PUBLIC_KEY_FILE exclude each other');
  for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE']) {
    if (hasJwt && !given(name)) fault(name, 'is required with JWT_JWKS_URL or JWT_PUBLIC_KEY_FILE');
    if (!hasJwt && given(name)) fault(name, 'does nothing without JWT_JWKS_URL or JWT_PUBLIC_KEY_FILE');
  }
  if (variables['AUTH'] === 'off' && (hasJwt || given('API_KEY_PEPPER')))
    fault('AUTH', 'is off, while keys or tokens are configured; remove one of the two');
  return faults;
}

/** Default port of the API. */
export const DEFAULT_PORT = 8_000;
