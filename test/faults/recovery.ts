import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import type { FaultRecord } from './log.ts';

const POLL_MS = 250;
/** Longer than a recovery may take, so that slower ones are measured too. */
const PATIENCE_MS = 60_000;
/** A call within this time after its nominal time is in time. */
const IN_TIME_MS = 3_000;

/**
 * Observes the recovery of the service from a fault: see `FaultRecord`. A fault that breaks more than is seen there has a
 * check of its own, `isMended`.
 */
export async function awaitRecovery(
  cluster: Cluster,
  checkedFrom: number,
  isMended: () => Promise<boolean>,
): Promise<FaultRecord['recovery']> {
  const recovery: FaultRecord['recovery'] = { readyAt: null, onTimeAt: null, syncedAt: null };
  const { calls } = cluster.target;
  let seen = calls.length;
  while (seen > 0 && (calls[seen - 1]?.at ?? 0) >= checkedFrom) seen--;
  for (;;) {
    for (; seen < calls.length && recovery.onTimeAt === null; seen++) {
      const { at, scheduledAt } = calls[seen] as (typeof calls)[number];
      // Nominal times with milliseconds are those of manual runs, which prove nothing about schedules.
      if (scheduledAt % 1_000 === 0 && scheduledAt >= checkedFrom && at - scheduledAt <= IN_TIME_MS)
        recovery.onTimeAt = at;
    }
    const [ready, synced] = await Promise.all([
      recovery.readyAt === null ? allReady(cluster) : true,
      recovery.syncedAt === null ? allSynced(cluster, checkedFrom, isMended) : true,
    ]);
    const now = Date.now();
    if (ready) recovery.readyAt ??= now;
    if (synced) recovery.syncedAt ??= now;
    const { readyAt, onTimeAt, syncedAt } = recovery;
    if (readyAt !== null && onTimeAt !== null && syncedAt !== null) return recovery;
    if (now > checkedFrom + PATIENCE_MS) return recovery;
    await sleep(POLL_MS);
  }
}

async function allReady({ apis, workers }: Cluster): Promise<boolean> {
  const answers = await Promise.all([...apis, ...workers].map((member) => member.isReady()));
  return answers.every(Boolean);
}

/** Returns whether all jobs that were last changed before an instant are synced, and everything is mended. */
async function allSynced(
  { db }: Cluster,
  before: number,
  isMended: () => Promise<boolean>,
): Promise<boolean> {
  try {
    const { rowCount } = await db.query(
      'SELECT 1 FROM jobs WHERE observed_generation <> generation AND updated_at < $1 LIMIT 1',
      [new Date(before)],
    );
    const isWhole = await isMended();
    return isWhole && rowCount === 0;
  } catch {
    return false;
  }
}
