import type { Database } from '../../db/database.ts';
import { takeHeartbeat } from '../../db/upkeep/reconciler-lease.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Logger } from '../../platform/logger.ts';

const TIMEOUT_MS = 10 * SECOND_MS;

/**
 * Calls HEARTBEAT_URL, once a minute in the whole installation, after a pass of the reconciler that succeeded. Returns at
 * once, and never throws: a call that fails is logged, without the URL, which may hold a secret.
 */
export function sendHeartbeat({
  db,
  logger,
  heartbeatUrl,
}: {
  db: Database;
  logger: Logger;
  heartbeatUrl: string | undefined;
}): void {
  if (heartbeatUrl === undefined) return;
  void (async () => {
    try {
      if (!(await takeHeartbeat(db))) return;
      const answer = await fetch(heartbeatUrl, {
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: 'manual',
      });
      await answer.body?.cancel();
      if (answer.status >= 400)
        logger.warn({ status: answer.status }, 'HEARTBEAT_URL did not accept the heartbeat');
    } catch (error) {
      // Messages of some errors quote the URL.
      const reason = error instanceof Error ? error.name : 'unknown';
      logger.warn({ reason }, 'could not call HEARTBEAT_URL');
    }
  })();
}
