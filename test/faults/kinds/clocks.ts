import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultKinds } from '../fault.ts';

/** Debian's package libfaketime, for the two usual architectures. */
const LIBRARY = ['x86_64', 'aarch64']
  .map((architecture) => `/usr/lib/${architecture}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find(existsSync);

const OFF_S = 60;
const DURATION_MS = 20_000;

/** A process starts on a host whose clock is a minute ahead or behind, and again with the right clock 20 s later. */
const offClock: Fault = async ({ cluster, random }) => {
  const member = random.pick([...cluster.apis, ...cluster.workers]);
  const sign = random.pick(['+', '-'] as const);
  const startedAt = Date.now();
  member.kill({
    LD_PRELOAD: LIBRARY as string,
    FAKETIME: `${sign}${OFF_S}s`,
    // Timers stay right, as they do on such a host.
    DONT_FAKE_MONOTONIC: '1',
  });
  await sleep(DURATION_MS);
  member.kill();
  return {
    detail: `${member.name}, ${sign}${OFF_S} s`,
    startedAt,
    effect: { clockOffMs: Number(`${sign}${OFF_S * 1_000}`) },
  };
};

/** Faults of clocks. */
export const CLOCK_FAULTS: FaultKinds = {
  'clock a minute off': {
    fault: offClock,
    times: 2,
    holds: ['API', 'workers', 'Temporal', 'Postgres'],
    unavailable: () =>
      LIBRARY === undefined ? 'it needs libfaketime ("apt-get install faketime")' : undefined,
  },
};
