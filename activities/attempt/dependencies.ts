import type { Client } from '@temporalio/client';
import type { Database } from '../../db/database.ts';
import type { KeyedMutex } from '../../platform/keyed-mutex.ts';
import type { Logger } from '../../platform/logger.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import type { Dispatcher } from '../call/guarded-dispatcher.ts';
import type { RunMetrics } from './run-metrics.ts';

/** What activities work with. */
export interface ActivityDependencies {
  db: Database;
  logger: Logger;
  /** Every call to a target goes through it: it checks the address. */
  dispatcher: Dispatcher;
  /** Decrypts the secrets of jobs. */
  secrets: SecretBox;
  /** Tells runs that their turn has come. */
  temporal: Client;
  metrics: RunMetrics;
  /** Of this process, for permits: shared with its reconciler. */
  permitMutex: KeyedMutex;
  /** Of this service: no target of a job. */
  taskQueue: string;
}
