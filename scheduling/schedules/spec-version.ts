import { horizonOf } from './temporal-spec.ts';

/**
 * The part of a Temporal Schedule that does not depend on its job: how far ahead clock changes are spelled
 * out, and by which time-zone data. When it rises, with a new year or an upgrade, the reconciler writes the
 * schedules again. Versions are ordered as texts, so that while old and new workers run side by side, old
 * ones keep what new ones have written.
 */
export const specVersionAt = (now: number) => `clock changes to ${horizonOf(now)}, tz ${process.versions.tz}`;
