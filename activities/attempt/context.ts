import type { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Database } from '../../db/database.ts';
import type { KeyedMutex } from '../../platform/keyed-mutex.ts';
import type { Logger } from '../../platform/logger.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import type { Dispatcher } from '../call/guarded-dispatcher.ts';
import type { RunMetrics } from './metrics.ts';

/** The dependencies of the activities of runs. */
export interface ActivityDependencies {
  db: Database;
  logger: Logger;
  /** Makes every call to a target, behind the SSRF guard. */
  dispatcher: Dispatcher;
  /** Decrypts the secrets of jobs. */
  secrets: SecretBox;
  /** Signals runs whose permit was granted. */
  temporal: Client;
  metrics: RunMetrics;
  /** One per process, for permits: shared with the reconciler of the process. */
  permitMutex: KeyedMutex;
  /** The task queue of this service, which no target may use. */
  taskQueue: string;
}

/** Also the time in which an activity learns that it was cancelled. */
const HEARTBEAT_MS = 1_000;

/** Sends heartbeats while an activity works, so that Temporal notices a dead worker by its silence. */
export async function withHeartbeats<Result>(context: Context, work: () => Promise<Result>): Promise<Result> {
  const heartbeat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
  }
}
