import type { SecretBox } from '../../platform/secret-box.ts';
import type { PermitDependencies } from '../runs/permits.ts';
import type { CompareDependencies } from '../schedules/compare-schedules.ts';
import type { CallWithoutTemporal } from './make-late-calls.ts';
import type { ObservePass } from './pass-metrics.ts';

/** What the reconciler works with. */
export interface ReconcileDependencies extends CompareDependencies, PermitDependencies {
  secrets: SecretBox;
  /** How long runs, and the tombstones of deleted jobs, are kept after they ended. */
  runRetentionMs: number;
  observePass: ObservePass;
  /** Makes the calls of hooks that no workflow makes in time. */
  callWithoutTemporal: CallWithoutTemporal;
  /** Called each minute while passes succeed. */
  heartbeatUrl: string | undefined;
}
