import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apiClient } from '../support/client.ts';
import { untilState } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('every-occurrence');
  const [service] = await Promise.all([stack.startApi(), stack.startWorker()]);
  api = apiClient(service.url);
});
afterAll(() => stack.stop());

const target = (path: string) => ({ type: 'http', url: stack.receiver.url + path });

describe('maxRuns', () => {
  test.each([
    // Each at least twice as long as the runs of the one before it, so that several in a row are skipped.
    { every: 3, maxRuns: 2, takesMs: 7_000 },
    { every: 1, maxRuns: 3, takesMs: 4_500 },
  ])('counts runs, and each occurrence that was skipped between them has its row: %j', async (given) => {
    const { every, maxRuns, takesMs } = given;
    const path = `/max-runs-${every}`;
    stack.receiver.respond(path, (_, response) => void setTimeout(() => response.end(), takesMs));
    const job = await api.createJob({
      name: path,
      schedule: { every: `${every}s`, maxRuns },
      target: target(path),
    });
    await untilState(api, job.id, 'completed');
    const runs = (await api.allRuns(job.id)).reverse();
    const times = runs.map(({ scheduledAt }) => Date.parse(scheduledAt));
    expect(times).toEqual(times.map((_, index) => (times[0] as number) + index * every * 1_000));
    expect(runs.filter(({ state }) => state === 'succeeded')).toHaveLength(maxRuns);
    expect(stack.receiver.callsTo(path)).toHaveLength(maxRuns);
    expect([runs[0]?.state, runs.at(-1)?.state]).toEqual(['succeeded', 'succeeded']);
    const others = runs.filter(({ state }) => state !== 'succeeded');
    expect(others.length).toBeGreaterThanOrEqual(maxRuns - 1);
    for (const { state, reason } of others)
      expect([state, reason]).toEqual(['skipped', 'overlap: another run was under way']);
  });
});
