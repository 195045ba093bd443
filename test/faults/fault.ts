import type { Random } from '../support/random.ts';
import type { Cluster } from './cluster.ts';
import type { OperationContext } from './job-operations.ts';

/** What a fault needs. */
export interface FaultContext {
  cluster: Cluster;
  random: Random;
  /** As whom the bench itself calls the API, where a fault needs a call. */
  caller: OperationContext;
}

/** What a fault did. It is over when its promise resolves. */
export interface FaultOutcome {
  detail: string;
  /** False if the point was not reached, and the process killed all the same. */
  reached?: boolean;
  /** When it began, if that was not at once. */
  startedAt?: number;
  endedAt?: number;
}

/** Injects one fault. */
export type Fault = (context: FaultContext) => Promise<FaultOutcome>;
