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

/** What of a request says who sent it. */
interface Credentials {
  /** The header `Authorization`; empty if there is none. */
  authorization: string;
  /** The header `Host`. */
  host: string;
  /** Whom strangers from the sender's address count as. */
  stranger: string;
}

/** Finds out who sent a request. @throws SchedulerError `unauthenticated`, `forbidden` or `unavailable` */
export type Authenticate = (credentials: Credentials) => Promise<Session>;

/** Takes API keys, tokens or both, as they are configured; if none are, everybody who reaches the API may do everything. */
export function createAuthenticate(
  config: Config,
  dependencies: { db: Database; logger: Logger; now: () => Date },
): Authenticate {
  const pepper = config.API_KEY_PEPPER;
  const verifyKey = pepper === undefined ? undefined : createKeyVerifier({ ...dependencies, pepper });
  const verifyToken = createTokenVerifier(config, dependencies.now);
  if (!verifyKey && !verifyToken) return async (credentials) => everybody(config, credentials);

  const wanted = [...(verifyKey ? ['an API key'] : []), ...(verifyToken ? ['a token'] : [])].join(' or ');
  return async ({ authorization }) => {
    const [, credential] = /^bearer +([^\s]+) *$/i.exec(authorization) ?? [];
    if (credential === undefined) {
      const message =
        authorization === '' ? 'The request carries no credentials' : 'The header is not understood';
      throw new SchedulerError('unauthenticated', `${message}; send ${wanted} as Authorization: Bearer ….`);
    }
    const verify = looksLikeApiKey(credential) ? verifyKey : verifyToken;
    if (!verify) throw new SchedulerError('unauthenticated', `The credentials are not ${wanted}.`);
    return verify(credential);
  };
}

function everybody(config: Config, { host, stranger }: Credentials): Session {
  // A page in a browser can give its own server's name this address, and so reach what is not open to the world.
  if (!isAllowedHost(config, host)) {
    const message =
      'Without keys or tokens, this API answers to certain names alone: those of ALLOWED_HOSTS, or, without it, localhost and 127.0.0.1.';
    throw new SchedulerError('forbidden', message);
  }
  return {
    name: 'api',
    namespace: DEFAULT_NAMESPACE,
    scopes: ['admin'],
    client: stranger,
    isStillValid: async () => true,
  };
}
