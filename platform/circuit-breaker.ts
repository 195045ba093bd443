/** A circuit breaker: while a server is away, calls to it fail at once instead of each waiting for a timeout. */
export interface CircuitBreaker {
  /**
   * Makes a call. While the circuit is open, one call at a time goes through to probe the server; all others fail at once.
   * @throws ServerAwayError, or what `call` throws
   */
  attempt: <Result>(call: () => Promise<Result>) => Promise<Result>;
}

/** The circuit is open: the server was away a moment ago, so it was not called. */
export class ServerAwayError extends Error {
  constructor(name: string) {
    super(`${name} could not be reached a moment ago`);
    this.name = 'ServerAwayError';
  }
}

/** Time between two probes of an open circuit. */
const PROBE_EVERY_MS = 500;
/** The circuit opens after this many failures in a row. One call can fail by chance. */
const FAILURES_TO_OPEN = 2;

/** What the error of a call tells about the server. `unknown`: the error comes from elsewhere, such as a database. */
export type Health = 'away' | 'answered' | 'unknown';

/** A closed circuit. `classify` tells from the error of a call whether the server is away; `name` is for messages. */
export function createCircuitBreaker(name: string, classify: (error: unknown) => Health): CircuitBreaker {
  let failures = 0;
  let nextProbeAt = 0;
  return {
    attempt: async (call) => {
      if (failures >= FAILURES_TO_OPEN) {
        if (Date.now() < nextProbeAt) throw new ServerAwayError(name);
        // Until this probe ends, other calls fail at once.
        nextProbeAt = Infinity;
      }
      try {
        const result = await call();
        failures = 0;
        return result;
      } catch (error) {
        const health = classify(error);
        if (health === 'away') failures++;
        if (health === 'answered') failures = 0;
        nextProbeAt = Date.now() + PROBE_EVERY_MS;
        throw error;
      }
    },
  };
}
