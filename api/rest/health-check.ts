import type { Client } from '@temporalio/client';
import type { Database } from '../../db/database.ts';
import { pingDatabase } from '../../db/unavailable.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { atMostEvery } from '../../platform/at-most-every.ts';

type UpOrDown = 'up' | 'down';

/** Tells which servers answer this process. */
export type HealthCheck = () => Promise<{ postgres: UpOrDown; temporal: UpOrDown }>;

/** A server that does not answer within this time is down. */
const DEADLINE_MS = 2 * SECOND_MS;

/** Asks each server at most once a second, because anybody may call `/readyz` as often as they like. */
export function createHealthCheck({ db, temporal }: { db: Database; temporal: Client }): HealthCheck {
  const pingTemporal = () =>
    temporal.withDeadline(Date.now() + DEADLINE_MS, () => temporal.workflowService.getSystemInfo({}));
  return atMostEvery(SECOND_MS, async () => {
    const [postgresState, temporalState] = await Promise.all([
      toUpOrDown(pingDatabase(db)),
      toUpOrDown(pingTemporal()),
    ]);
    return { postgres: postgresState, temporal: temporalState };
  });
}

function toUpOrDown(ping: Promise<unknown>): Promise<UpOrDown> {
  const late = new Promise((_, reject) =>
    setTimeout(() => reject(new Error('too late')), DEADLINE_MS).unref(),
  );
  return Promise.race([ping, late]).then(
    () => 'up',
    () => 'down',
  );
}
