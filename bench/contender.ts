import type { Client } from '@temporalio/client';

/** When a job fires: once, or again and again. */
export type When = { at: Date } | { everyMs: number; offsetMs: number };

/** A job as every contender can have it: an HTTP call. */
export interface BenchJob {
  /** Of no other job of this contender. */
  name: string;
  url: string;
  when: When;
}

/** The service, raw Temporal on the same server, and raw Temporal as it comes. */
export type ContenderName = 'ours' | 'raw' | 'plain';

/** Something that carries out jobs, and can be measured while it does. */
export interface Contender {
  name: ContenderName;
  /** Resolves once the job will fire. */
  create: (job: BenchJob) => Promise<void>;
  remove: (job: BenchJob) => Promise<void>;
  /** To be called before jobs are made that are to be measured: see new-schedules.ts. */
  calmDown?: () => Promise<void>;
  /** The processes that a run costs something, by what they are. */
  pids: Partial<Record<'api' | 'worker' | 'temporal' | 'postgres', number>>;
  temporal: Client;
  /** The id of the Temporal Schedule of a job. */
  scheduleIdOf: (job: BenchJob) => string;
  /** The metrics of its worker, in Prometheus' text format; missing for a worker that has none. */
  readMetrics?: () => Promise<string>;
}
