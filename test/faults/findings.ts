/**
 * The kinds of findings. All but `late` make a run fail:
 * missing: an occurrence or a requested run had no call.
 * duplicate: one occurrence had two runs, or two executions in Temporal.
 * phantom: a call or a workflow that was neither due nor requested.
 * stuck: something that did not end in the given time.
 * repeated: a call was repeated without a fault nearby, or an attempt followed one that had not failed, or too soon.
 * concurrent: two calls of one run at once.
 * overLimit: more calls at once, or in a time, than the limits of their key allow.
 * token: a fencing token that is not greater than one before it.
 * state: the state of a job or a run differs from what its requests and calls mean.
 * hook: a hook was not called once for each episode of failures.
 * cancelled: a call after a confirmed cancellation.
 * drift: a Temporal Schedule that differs from its job.
 * unrecorded: a call whose run or attempt is not recorded.
 * silent: an occurrence without a run that is not recorded.
 * recovery: the service did not recover from a fault in time.
 * late: a call came too late.
 */
const KINDS = [
  'missing',
  'duplicate',
  'phantom',
  'stuck',
  'repeated',
  'concurrent',
  'overLimit',
  'token',
  'state',
  'hook',
  'cancelled',
  'drift',
  'unrecorded',
  'silent',
  'recovery',
  'late',
] as const;
export type FindingKind = (typeof KINDS)[number];

/** The kinds that make a run fail. */
export const FAILURES: readonly FindingKind[] = KINDS.filter((kind) => kind !== 'late');

/** The number of findings of each kind. */
export function countFindings(findings: readonly Finding[]): Record<FindingKind, number> {
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<FindingKind, number>;
  for (const { kind } of findings) counts[kind]++;
  return counts;
}

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
