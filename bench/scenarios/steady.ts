import { concurrently } from '../../platform/concurrently.ts';
import type { Contender } from '../contender.ts';
import { awaitCount, CLIENTS, pause, type BenchContext } from '../context.ts';
import { awaitTakenUp } from '../new-schedules.ts';
import { percentile } from '../results.ts';

/** If no call has come for this time, no more are expected. */
const PATIENCE_MS = 40_000;
const LONGEST_SILENCE_MS = 70_000;

/** Runs jobs that are all due every few seconds. Their first occurrence does not count. Returns the figures. */
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
  await contender.calmDown?.();
  await concurrently(jobs, CLIENTS, (job) => {
    signal.throwIfAborted();
    return contender.create(job);
  });
  await awaitTakenUp(context, contender, jobs, Date.now() + LONGEST_SILENCE_MS);
  const warmUp = Math.ceil((Date.now() + 500) / periodMs) * periodMs;
  const counted = Array.from({ length: occurrences }, (_, index) => warmUp + (index + 1) * periodMs);
  const findCounted = async () =>
    (await receiver.calls(group)).filter(({ scheduledAt }) => counted.includes(Date.parse(scheduledAt)));
  const wanted = count * occurrences;
  await awaitCount(context, group, wanted, async () => (await findCounted()).length, PATIENCE_MS);
  // Leaves time for duplicate calls.
  await pause(context, 1_000);
  const calls = await findCounted();
  await concurrently(jobs, CLIENTS, (job) => contender.remove(job));
  await receiver.forget(group);

  const distinct = new Set(calls.map(({ id, scheduledAt }) => `${id} ${Date.parse(scheduledAt)}`)).size;
  const lateness = calls.map(({ arrivedAt, scheduledAt }) => arrivedAt - Date.parse(scheduledAt));
  return {
    jobs: count,
    missing: wanted - distinct,
    duplicates: calls.length - distinct,
    latenessP50Ms: percentile(lateness, 0.5),
    latenessP99Ms: percentile(lateness, 0.99),
  };
}
