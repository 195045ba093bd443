import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Run } from '../../domain/run/run.ts';
import { apiClient } from '../support/client.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// For each overlap policy, a job with an occurrence every second and a target that takes 3.5 seconds.
const TAKES_MS = 3_500;
const OCCURRENCES = 12;
const POLICIES = ['skip', 'bufferOne', 'bufferAll', 'cancelOther', 'terminateOther', 'allowAll'] as const;
type Overlap = (typeof POLICIES)[number];

let stack: Stack;
/** Every occurrence of a job is in one of these two. */
const runsOf = {} as Record<Overlap, Run[]>;
const skippedOf = {} as Record<Overlap, Run[]>;
const concurrency = {} as Record<Overlap, number>;

beforeAll(async () => {
  stack = await createStack('overlap');
  const [service] = await Promise.all([stack.startApi(), stack.startWorker()]);
  const api = apiClient(service.url);
  const startAt = Math.ceil(Date.now() / 1_000) * 1_000 + 15_000;
  const ids = {} as Record<Overlap, string>;
  for (const overlap of POLICIES) {
    const active = new Set<object>();
    concurrency[overlap] = 0;
    stack.receiver.respond(`/${overlap}`, (call, response) => {
      active.add(call);
      concurrency[overlap] = Math.max(concurrency[overlap], active.size);
      response.once('close', () => active.delete(call));
      setTimeout(() => response.end('ok'), TAKES_MS);
    });
    const job = await api.createJob({
      name: overlap,
      schedule: {
        every: '1s',
        startAt: new Date(startAt).toISOString(),
        endAt: new Date(startAt + (OCCURRENCES - 1) * 1_000).toISOString(),
      },
      target: { type: 'http', url: `${stack.receiver.url}/${overlap}` },
      policy: { overlap },
    });
    ids[overlap] = job.id;
  }
  // bufferAll takes longest: its runs come one after another.
  const longest = OCCURRENCES * (TAKES_MS + 1_500) + 20_000;
  await waitFor(
    'all runs of bufferAll',
    async () => (await api.allRuns(ids.bufferAll)).filter((run) => run.endedAt).length === OCCURRENCES,
    longest,
  );
  for (const overlap of POLICIES) {
    runsOf[overlap] = await waitFor(`the runs of ${overlap} to end`, async () => {
      const runs = await api.allRuns(ids[overlap]);
      return runs.length === OCCURRENCES && runs.every((run) => run.endedAt) ? runs.reverse() : undefined;
    });
    skippedOf[overlap] = runsOf[overlap].filter((run) => run.state === 'skipped');
    runsOf[overlap] = runsOf[overlap].filter((run) => run.state !== 'skipped');
  }
}, 180_000);
afterAll(() => stack.stop());

const states = (overlap: Overlap) => runsOf[overlap].map((run) => run.state);
const places = (overlap: Overlap) => {
  const [first] = runsOf[overlap];
  return runsOf[overlap].map(
    (run) => (Date.parse(run.scheduledAt) - Date.parse(first?.scheduledAt ?? '')) / 1_000,
  );
};
const EVERY_ONE = Array.from({ length: OCCURRENCES }, (_, index) => index);

describe('overlap', () => {
  test('an occurrence that did not start says why', () => {
    for (const overlap of POLICIES)
      for (const run of skippedOf[overlap]) expect(run.reason).toMatch(/^overlap: /);
    expect(skippedOf.allowAll).toEqual([]);
    expect(skippedOf.bufferAll).toEqual([]);
  });

  test('skip: an occurrence that is due during a run does not start', () => {
    expect(concurrency.skip).toBe(1);
    expect(new Set(states('skip'))).toEqual(new Set(['succeeded']));
    // A run takes at least 3.5 s, so at most one of four occurrences starts.
    const distances = places('skip')
      .slice(1)
      .map((place, index) => place - (places('skip')[index] as number));
    for (const distance of distances) expect(distance).toBeGreaterThanOrEqual(4);
    expect(runsOf.skip.length).toBeGreaterThanOrEqual(2);
    expect(runsOf.skip.length).toBeLessThanOrEqual(3);
  });

  test('bufferOne: one of the occurrences that are due during a run starts after it', () => {
    expect(concurrency.bufferOne).toBe(1);
    expect(new Set(states('bufferOne'))).toEqual(new Set(['succeeded']));
    // The first one, then a buffered one, and so on: more runs than with skip, and fewer than occurrences.
    expect(runsOf.bufferOne.length).toBeGreaterThan(runsOf.skip.length);
    expect(runsOf.bufferOne.length).toBeLessThan(OCCURRENCES);
    expect(places('bufferOne').slice(0, 2)).toEqual([0, 1]);
  });

  test('bufferAll: every occurrence has its run, one after another', () => {
    expect(concurrency.bufferAll).toBe(1);
    expect(places('bufferAll')).toEqual(EVERY_ONE);
    expect(new Set(states('bufferAll'))).toEqual(new Set(['succeeded']));
  });

  test.each(['cancelOther', 'terminateOther'] as const)(
    '%s: each run ends its predecessor, and only the last one succeeds',
    (overlap) => {
      const runs = runsOf[overlap];
      // The call of a run begins when that of its predecessor has been broken off.
      expect(concurrency[overlap]).toBe(1);
      expect(runs[runs.length - 1]?.state).toBe('succeeded');
      const before = runs.slice(0, -1);
      expect(new Set(before.map((run) => run.state))).toEqual(new Set(['cancelled']));
      const reason =
        overlap === 'cancelOther'
          ? 'the run was cancelled'
          : 'the run was terminated: terminated by schedule overlap policy';
      for (const run of before) expect(run.reason).toBe(reason);
      // If a slow server finds several due at once, it starts only the last one.
      expect(runs.length).toBeGreaterThan(2);
      expect(places(overlap)[runs.length - 1]).toBe(OCCURRENCES - 1);
    },
  );

  test('allowAll: every occurrence has its run, at its own time', () => {
    expect(places('allowAll')).toEqual(EVERY_ONE);
    expect(new Set(states('allowAll'))).toEqual(new Set(['succeeded']));
    expect(concurrency.allowAll).toBeGreaterThanOrEqual(3);
  });
});
