/**
 * What a checker can find. The first six, and a recovery that takes too long, fail a run:
 * missing: an occurrence or a run that was asked for had no call.
 * duplicate: one occurrence had two runs, or two executions in Temporal.
 * phantom: a call or a workflow that nobody asked for.
 * stuck: something that did not come to its end, though it was given the time.
 * repeated: a call of a run came again, and no fault was near.
 * state: a job is not as its clients left it, or Temporal keeps a schedule of a deleted one.
 * recovery: after a fault the service was not well again in time.
 * late: a call came, and later than it should.
 * silent: an occurrence that rightly had no run, of which the service has no record.
 */
export type FindingKind =
  'missing' | 'duplicate' | 'phantom' | 'stuck' | 'repeated' | 'state' | 'recovery' | 'late' | 'silent';

/** Those that make a run fail. */
export const FAILURES: readonly FindingKind[] = [
  'missing',
  'duplicate',
  'phantom',
  'stuck',
  'repeated',
  'state',
  'recovery',
];

/** Something that is not as promised. */
export interface Finding {
  kind: FindingKind;
  job: string | null;
  /** Nominal time of the occurrence, if it is about one. */
  scheduledAt: string | null;
  detail: string;
}

/** A nominal time as it is shown; also as Temporal writes it into the id of a workflow. */
export const toText = (instant: number) => new Date(instant).toISOString().replace('.000Z', 'Z');
