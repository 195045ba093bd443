import { createHash, createPublicKey } from 'node:crypto';
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import { DEFAULT_NAMESPACE, NamespaceName, Scope } from '../../domain/access.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { singleLine } from '../../domain/text.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Config } from '../../platform/config.ts';
import type { Session } from './session.ts';

/** The subject of a token; revisions of jobs show it. */
const Subject = singleLine(200).min(1);

/** Errors that mean that the token is bad. Any other means that it could not be verified. */
const BAD_TOKEN_ERRORS = [
  errors.JWTExpired,
  errors.JWTClaimValidationFailed,
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
];

type TokenConfig = Pick<
  Config,
  | 'JWT_JWKS_URL'
  | 'JWT_PUBLIC_KEY_FILE'
  | 'JWT_ISSUER'
  | 'JWT_AUDIENCE'
  | 'JWT_ALGORITHMS'
  | 'JWT_CLOCK_SKEW_SECONDS'
  | 'JWT_SCOPES_CLAIM'
  | 'JWT_NAMESPACE_CLAIM'
>;

/** Verifies JSON Web Tokens (RFC 7519, with the advice of RFC 8725); undefined if tokens are not configured. */
export function createTokenVerifier(
  config: TokenConfig,
  now: () => Date,
): ((token: string) => Promise<Session>) | undefined {
  const findKey = createKeyFinder(config);
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = config;
  if (!findKey || !issuer || !audience) return undefined;
  const skewMs = config.JWT_CLOCK_SKEW_SECONDS * SECOND_MS;

  return async (token) => {
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, findKey, {
        issuer,
        audience,
        algorithms: config.JWT_ALGORITHMS,
        clockTolerance: config.JWT_CLOCK_SKEW_SECONDS,
        requiredClaims: ['exp', 'sub'],
        currentDate: now(),
      }));
    } catch (error) {
      // With a key from a file, nothing but the token can be at fault.
      if (!config.JWT_JWKS_URL || BAD_TOKEN_ERRORS.some((type) => error instanceof type))
        throw new SchedulerError('unauthenticated', `The token is refused: ${(error as Error).message}.`, {
          cause: error,
        });
      throw new SchedulerError('unavailable', 'The keys that verify tokens cannot be fetched; try again.', {
        cause: error,
      });
    }
    const { exp = 0 } = payload;
    const subject = Subject.safeParse(payload.sub);
    if (!subject.success)
      throw new SchedulerError(
        'unauthenticated',
        'The token is refused: its subject must be 1 to 200 characters on one line.',
      );
    const sub = subject.data;
    return {
      name: `token:${sub}`,
      credential: 'token',
      namespace: namespaceOf(claimOf(payload, config.JWT_NAMESPACE_CLAIM)),
      scopes: scopesOf(claimOf(payload, config.JWT_SCOPES_CLAIM)),
      client: `subject:${createHash('sha256').update(sub).digest('base64url')}`,
      isStillValid: async () => now().getTime() < exp * SECOND_MS + skewMs,
    };
  };
}

function createKeyFinder({ JWT_JWKS_URL: url, JWT_PUBLIC_KEY_FILE: file }: TokenConfig) {
  // Fetches the keys again when it meets an unknown one, at most every 30 seconds.
  if (url) return createRemoteJWKSet(new URL(url));
  if (!file) return undefined;
  const key = createPublicKey(file);
  return () => key;
}

/** A claim by its name, or by its path: `realm_access.roles`. Names win, because they may have dots too, as URLs do. */
function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  return name
    .split('.')
    .reduce<unknown>(
      (value, part) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, part)
          ? (value as Record<string, unknown>)[part]
          : undefined,
      payload,
    );
}

/** Scopes in one string, separated by spaces (RFC 8693), or in a list. Those of other services are ignored. */
function scopesOf(claim: unknown): Scope[] {
  const words: unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  return words.filter((word): word is Scope => Scope.safeParse(word).success);
}

function namespaceOf(claim: unknown): string {
  if (claim === undefined) return DEFAULT_NAMESPACE;
  const namespace = NamespaceName.safeParse(claim);
  if (namespace.success) return namespace.data;
  throw new SchedulerError(
    'unauthenticated',
    'The token is refused: its namespace claim is not a valid name.',
  );
}
