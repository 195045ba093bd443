/** A circuit breaker: remembers that a server is away, so that not every caller has to wait for its timeout anew. */
export interface CircuitBreaker {
  /**
   * Makes a call. While the server is known to be away, one caller at a time tries, and everyone else fails at once.
   * @throws ServerAwayError, or what `call` throws
   */
  attempt: <Result>(call: () => Promise<Result>) => Promise<Result>;
}

/** The server was away a moment ago; nobody asked it this time. */
export class ServerAwayError extends Error {
  constructor(name: string) {
    super(`${name} could not be reached a moment ago`);
    this.name = 'ServerAwayError';
  }
}

/** After a call failed, the next one tries no sooner than this. */
const PAUSE_MS = 500;
/** One call may fail by itself; after so many in a row the server is taken to be away. */
const FAILURES = 2;

/** What the error of a call says of the server: nothing, if it comes from elsewhere, such as a database that is asked on the way. */
export type Health = 'away' | 'answered' | 'unknown';

/** `judge` tells, by a call's error, how the server is. */
export function createCircuitBreaker(name: string, judge: (error: unknown) => Health): CircuitBreaker {
  let failures = 0;
  let tryAgainAt = 0;
  return {
    attempt: async (call) => {
      if (failures >= FAILURES) {
        if (Date.now() < tryAgainAt) throw new ServerAwayError(name);
        // Whoever comes meanwhile does not wait along.
        tryAgainAt = Infinity;
      }
      try {
        const result = await call();
        failures = 0;
        return result;
      } catch (error) {
        const health = judge(error);
        if (health === 'away') failures++;
        if (health === 'answered') failures = 0;
        tryAgainAt = Date.now() + PAUSE_MS;
        throw error;
      }
    },
  };
}
