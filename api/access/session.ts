import type { Caller } from '../../domain/access.ts';
import type { Credential } from '../../domain/job/audit.ts';

/** A caller with verified credentials. */
export interface Session extends Caller {
  credential: Credential;
  /** The id of the API key, if it is one. */
  apiKeyId?: string;
  /** Identifies the client for limits: a key, the subject of a token, or an address. */
  client: string;
  /** Tells whether the credentials are still valid, for long-lived streams. @throws what the database throws */
  isStillValid: () => Promise<boolean>;
}
