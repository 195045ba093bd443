import type { Client } from '@temporalio/client';

/** When a job fires: once or repeatedly. */
export type When = { at: Date } | { everyMs: number; offsetMs: number };

/** A job that every contender supports: an HTTP call. */
export interface BenchJob {
  /** Unique among the jobs of the contender. */
  name: string;
  url: string;
  when: When;
}

/** The service, raw Temporal on the same server, and raw Temporal with its defaults. */
export type ContenderName = 'ours' | 'raw' | 'plain';

/** A system that runs jobs, and is measured. */
export interface Contender {
  name: ContenderName;
  /** Creates a job. Resolves when it is certain to fire. */
  create: (job: BenchJob) => Promise<void>;
  remove: (job: BenchJob) => Promise<void>;
  /** Is called before measured jobs are created: see new-schedules.ts. */
  calmDown?: () => Promise<void>;
  /** The processes that take part in a run, by name. */
  pids: Partial<Record<'api' | 'worker' | 'temporal' | 'postgres', number>>;
  temporal: Client;
  /** The id of the Temporal Schedule of a job. */
  scheduleIdOf: (job: BenchJob) => string;
  /** The metrics of its worker, in the text format of Prometheus; missing for a worker without metrics. */
  readMetrics?: () => Promise<string>;
}
