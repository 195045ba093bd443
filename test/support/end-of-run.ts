import type { Run } from '../../domain/run/run.ts';
import type { apiClient } from './client.ts';
import { waitFor } from './wait-for.ts';

/** Waits for a run to end. */
export function endOfRun(
  api: Pick<ReturnType<typeof apiClient>, 'getRun'>,
  runId: string,
  timeoutMs?: number,
): Promise<Run> {
  return waitFor(
    `the end of run ${runId}`,
    async () => {
      const run = await api.getRun(runId);
      return run.endedAt === null ? undefined : run;
    },
    timeoutMs,
  );
}
