/**
 * The kinds of findings. The first six and `recovery` make a run fail:
 * missing: an occurrence or a manual run had no call.
 * duplicate: one occurrence had two runs, or two executions in Temporal.
 * phantom: a call or a workflow that was neither due nor requested.
 * stuck: something that did not end in the given time.
 * repeated: a call of a run was repeated without a fault nearby.
 * state: the state of a job differs from the last request, or Temporal keeps the schedule of a deleted job.
 * recovery: the service did not recover from a fault in time.
 * late: a call came too late.
 * silent: an occurrence that may have no run, but is not recorded.
 */
export type FindingKind =
  'missing' | 'duplicate' | 'phantom' | 'stuck' | 'repeated' | 'state' | 'recovery' | 'late' | 'silent';

/** The kinds that make a run fail. */
export const FAILURES: readonly FindingKind[] = [
  'missing',
  'duplicate',
  'phantom',
  'stuck',
  'repeated',
  'state',
  'recovery',
];

/** A violation of a promise of the service. */
export interface Finding {
  kind: FindingKind;
  job: string | null;
  /** The nominal time, for a finding about an occurrence. */
  scheduledAt: string | null;
  detail: string;
}

/** Formats a nominal time, as Temporal does in the id of a workflow. */
export const toText = (instant: number) => new Date(instant).toISOString().replace('.000Z', 'Z');
