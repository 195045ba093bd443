import type { Caller } from '../../domain/access.ts';

/** A caller whose credentials have been verified. */
export interface Session extends Caller {
  /** Whose requests are counted together: a key, a subject or an address. */
  client: string;
  /** Whether the credentials hold still, for answers that go on for long. @throws what the database throws */
  isStillValid: () => Promise<boolean>;
}
