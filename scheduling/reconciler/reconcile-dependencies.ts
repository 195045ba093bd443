import type { SecretBox } from '../../platform/secret-box.ts';
import type { PermitDependencies } from '../runs/permits.ts';
import type { SyncDependencies } from '../schedules/sync.ts';
import type { ObservePass } from './pass-metrics.ts';

/** What the reconciler works with. */
export interface ReconcileDependencies extends SyncDependencies, PermitDependencies {
  secrets: SecretBox;
  /** How long runs, and the tombstones of deleted jobs, are kept after they ended. */
  runRetentionMs: number;
  /** How often all Temporal Schedules are compared with all jobs. */
  sweepIntervalMs: number;
  observePass: ObservePass;
}
