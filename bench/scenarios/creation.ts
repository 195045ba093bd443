import { concurrently } from '../../platform/concurrently.ts';
import type { Contender } from '../contender.ts';
import { CLIENTS, type BenchContext } from '../context.ts';

const FAR_AWAY = new Date('2090-01-01T00:00:00Z');

/** Makes jobs that are not due soon, until the last of them would fire. Answers how many a second those were. */
export async function runCreation(
  { plan, receiver, say, signal }: BenchContext,
  contender: Contender,
  group: string,
): Promise<Record<string, number>> {
  const jobs = Array.from({ length: plan.creationJobs }, (_, index) => ({
    name: `${group}-${index}`,
    url: receiver.urlOf(group, String(index)),
    when: { at: FAR_AWAY },
  }));
  say(`  ${group}: making ${jobs.length} jobs`);
  const beganAt = performance.now();
  await concurrently(jobs, CLIENTS, (job) => {
    signal.throwIfAborted();
    return contender.create(job);
  });
  const seconds = (performance.now() - beganAt) / 1_000;
  await concurrently(jobs, CLIENTS, (job) => contender.remove(job));
  return { jobs: jobs.length, creationPerSecond: jobs.length / seconds };
}
