import type { Client } from '@temporalio/client';
import { SECOND_MS } from '../domain/milliseconds.ts';

const DEADLINE_MS = 5 * SECOND_MS;

/** Makes calls to Temporal that are given up after five seconds, all together, so that whoever waits gets an answer. */
export const withinDeadline = <Result>(temporal: Client, call: () => Promise<Result>): Promise<Result> =>
  temporal.withDeadline(Date.now() + DEADLINE_MS, call);
