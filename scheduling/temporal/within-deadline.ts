import type { Client } from '@temporalio/client';
import { CALL_DEADLINE_MS } from '../../platform/temporal.ts';

/** Makes calls to Temporal that are given up after five seconds, all together, so that whoever waits gets an answer. */
export const withinDeadline = <Result>(temporal: Client, call: () => Promise<Result>): Promise<Result> =>
  temporal.withDeadline(Date.now() + CALL_DEADLINE_MS, call);
