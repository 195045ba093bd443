import type { Random } from '../support/random.ts';
import type { Cluster } from './cluster.ts';
import type { OperationContext } from './job-operations.ts';

/** What a fault needs. */
export interface FaultContext {
  cluster: Cluster;
  random: Random;
  /** For faults that need a call of the API. */
  caller: OperationContext;
}

/** The outcome of a fault. The fault is over when its promise resolves. */
export interface FaultOutcome {
  detail: string;
  /** False if the kill point was not reached and the process was killed anyway. */
  reached?: boolean;
  /** When it started, if it did not start immediately. */
  startedAt?: number;
  endedAt?: number;
}

/** Injects one fault. */
export type Fault = (context: FaultContext) => Promise<FaultOutcome>;
