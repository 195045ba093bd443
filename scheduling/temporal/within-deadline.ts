import type { Client } from '@temporalio/client';
import { CALL_DEADLINE_MS } from '../../platform/temporal.ts';

/** Makes calls to Temporal with one deadline of five seconds for all of them. @throws DEADLINE_EXCEEDED after it */
export const withinDeadline = <Result>(temporal: Client, call: () => Promise<Result>): Promise<Result> =>
  temporal.withDeadline(Date.now() + CALL_DEADLINE_MS, call);
