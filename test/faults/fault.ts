import type { Random } from '../support/random.ts';
import type { Cluster } from './cluster.ts';
import type { OperationContext } from './job-operations.ts';
import type { FaultEffect } from './log.ts';

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
  /** What only some faults do to what is expected; see `FaultRecord`. */
  effect?: FaultEffect;
  /** Beside the other signs of recovery: whether what the fault has broken is mended. */
  isMended?: () => Promise<boolean>;
}

/** Injects one fault. */
export type Fault = (context: FaultContext) => Promise<FaultOutcome>;

/** What a fault affects. Two faults that share anything are not injected together. */
type Hold = 'API' | 'workers' | 'Postgres' | 'Temporal' | 'target';

/** A kind of fault. */
interface FaultKind {
  fault: Fault;
  /** Its number of cards in the deck; 0 for a kind that has to be asked for by its name. */
  times: number;
  holds: Hold[];
  /** Why this machine cannot inject it. */
  unavailable?: (cluster: Cluster) => string | undefined;
}

/** Kinds of faults by their names. */
export type FaultKinds = Record<string, FaultKind>;
