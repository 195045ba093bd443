import type { Database } from '../../db/database.ts';
import { DEFAULT_NAMESPACE } from '../../domain/access.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { looksLikeApiKey } from './api-key-format.ts';
import type { Config } from '../../platform/config.ts';
import type { Logger } from '../../platform/logger.ts';
import { createKeyVerifier } from './verify-api-key.ts';
import { isAllowedHost } from './safe-start.ts';
import type { Session } from './session.ts';
import { createTokenVerifier } from './tokens.ts';

/** The parts of a request that tell who sent it. */
interface Credentials {
  /** The header `Authorization`; empty if there is none. */
  authorization: string;
  /** The header `Host`. */
  host: string;
  /** The client that requests from this address count for, where there are no credentials. */
  addressClient: string;
}

/** Authenticates the sender of a request. @throws SchedulerError `unauthenticated`, `forbidden` or `unavailable` */
export type Authenticate = (credentials: Credentials) => Promise<Session>;

/** Accepts API keys, tokens or both, as configured. With neither, everybody who reaches the API is an admin. */
export function createAuthenticate(
  config: Config,
  dependencies: { db: Database; logger: Logger; now: () => Date },
): Authenticate {
  const pepper = config.API_KEY_PEPPER;
  const verifyKey = pepper === undefined ? undefined : createKeyVerifier({ ...dependencies, pepper });
  const verifyToken = createTokenVerifier(config, dependencies.now);
  if (!verifyKey && !verifyToken) return async (credentials) => admitEverybody(config, credentials);

  const accepted = [...(verifyKey ? ['an API key'] : []), ...(verifyToken ? ['a token'] : [])].join(' or ');
  return async ({ authorization }) => {
    const [, credential] = /^bearer +([^\s]+) *$/i.exec(authorization) ?? [];
    if (credential === undefined) {
      const message =
        authorization === '' ? 'The request carries no credentials' : 'The header is not understood';
      throw new SchedulerError('unauthenticated', `${message}; send ${accepted} as Authorization: Bearer ….`);
    }
    const verify = looksLikeApiKey(credential) ? verifyKey : verifyToken;
    if (!verify) throw new SchedulerError('unauthenticated', `The credentials are not ${accepted}.`);
    return verify(credential);
  };
}

function admitEverybody(config: Config, { host, addressClient }: Credentials): Session {
  // Against DNS rebinding: a web page can point the name of its own server to this address.
  if (!isAllowedHost(config, host)) {
    const message =
      'Without keys or tokens, this API answers only to certain host names: those of ALLOWED_HOSTS, or, without it, localhost and 127.0.0.1.';
    throw new SchedulerError('forbidden', message);
  }
  return {
    name: 'api',
    credential: 'none',
    namespace: DEFAULT_NAMESPACE,
    scopes: ['admin'],
    client: addressClient,
    isStillValid: async () => true,
  };
}
