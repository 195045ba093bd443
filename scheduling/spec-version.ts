import { horizonOf } from './temporal-spec.ts';

/**
 * What a Temporal Schedule depends on besides its job: how far ahead clock changes have been spelled out, and by which
 * time-zone data. When it changes, by a new year or an upgrade, the reconciler makes the schedules anew.
 */
export const specVersionAt = (now: number) => `clock changes to ${horizonOf(now)}, tz ${process.versions.tz}`;
