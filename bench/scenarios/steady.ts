import { concurrently } from '../../platform/concurrently.ts';
import type { Contender } from '../contender.ts';
import { awaitCount, CLIENTS, pause, type BenchContext } from '../context.ts';
import { percentile } from '../results.ts';

/** Calls that have not arrived so long after the last occurrence are missing. */
const PATIENCE_MS = 20_000;

/** Jobs that are due together every few seconds. Their first occurrence does not count. Answers its figures. */
export async function runSteady(
  context: BenchContext,
  contender: Contender,
  group: string,
): Promise<Record<string, number>> {
  const { plan, receiver, say, signal } = context;
  const { steadyJobs: count, steadyPeriodMs: periodMs, steadyOccurrences: occurrences } = plan;
  const jobs = Array.from({ length: count }, (_, index) => ({
    name: `${group}-${index}`,
    url: receiver.urlOf(group, String(index)),
    when: { everyMs: periodMs, offsetMs: 0 },
  }));
  say(`  ${group}: making ${count} jobs, due every ${periodMs / 1_000} s`);
  await concurrently(jobs, CLIENTS, (job) => {
    signal.throwIfAborted();
    return contender.create(job);
  });
  const warmUp = Math.ceil((Date.now() + 500) / periodMs) * periodMs;
  const counted = Array.from({ length: occurrences }, (_, index) => warmUp + (index + 1) * periodMs);
  const last = counted[counted.length - 1] as number;
  say(`  ${group}: watching them for ${Math.round((last - Date.now()) / 1_000)} s`);
  await pause(context, last - Date.now());
  const arrived = () => receiver.count(group);
  // Some have had occurrences before, so the count is no proof; a second more is.
  const before = await arrived();
  await awaitCount(
    context,
    group,
    before + count,
    arrived,
    Math.min(last + PATIENCE_MS, last + periodMs - 1_000),
  );
  await pause(context, 1_000);
  const calls = (await receiver.take(group)).filter(({ scheduledAt }) =>
    counted.includes(Date.parse(scheduledAt)),
  );
  await concurrently(jobs, CLIENTS, (job) => contender.remove(job));
  await receiver.take(group);

  const distinct = new Set(calls.map(({ id, scheduledAt }) => `${id} ${Date.parse(scheduledAt)}`)).size;
  const lateness = calls.map(({ arrivedAt, scheduledAt }) => arrivedAt - Date.parse(scheduledAt));
  return {
    jobs: count,
    missing: count * occurrences - distinct,
    duplicates: calls.length - distinct,
    latenessP50Ms: percentile(lateness, 0.5),
    latenessP99Ms: percentile(lateness, 0.99),
  };
}
