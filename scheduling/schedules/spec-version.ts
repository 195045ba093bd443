import { horizonOf } from './temporal-spec.ts';

/**
 * What a Temporal Schedule depends on besides its job: how far ahead clock changes have been spelled out, and by which
 * time-zone data. When it rises, by a new year or an upgrade, the reconciler makes the schedules anew. Versions are
 * ordered as texts, so that while old and new workers run side by side, the old ones leave alone what the new ones made.
 */
export const specVersionAt = (now: number) => `clock changes to ${horizonOf(now)}, tz ${process.versions.tz}`;
