import type pg from 'pg';
import { concurrently } from '../../platform/concurrently.ts';
import type { Contender } from '../contender.ts';
import { CLIENTS, type BenchContext } from '../context.ts';
import { cpuOf, cpuPer1000 } from '../cpu.ts';
import { growthBetween, readWritten } from '../growth.ts';
import { readStatements, resetStatements, type Statement } from '../statements.ts';

const FAR_AWAY = new Date('2090-01-01T00:00:00Z');

/**
 * Creates jobs that are not due soon, and checks that the last of them is effective. Returns the number per second and
 * the cost of each.
 */
export async function runCreation(
  { plan, receiver, say, signal, folder }: BenchContext,
  contender: Contender & { db?: pg.Pool },
  group: string,
): Promise<{ figures: Record<string, number>; details: { statements: Statement[] } }> {
  const jobs = Array.from({ length: plan.creationJobs }, (_, index) => ({
    name: `${group}-${index}`,
    url: receiver.urlOf(group, String(index)),
    when: { at: FAR_AWAY },
  }));
  say(`  ${group}: making ${jobs.length} jobs`);
  if (contender.db) await resetStatements(contender.db);
  const written = contender.db && (await readWritten(contender.db, folder));
  const before = cpuOf(contender);
  const beganAt = performance.now();
  await concurrently(jobs, CLIENTS, (job) => {
    signal.throwIfAborted();
    return contender.create(job);
  });
  const seconds = (performance.now() - beganAt) / 1_000;
  const cpu = cpuPer1000(before, cpuOf(contender), jobs.length);
  const statements = contender.db && (await readStatements(contender.db, jobs.length));
  const growth =
    contender.db && written
      ? growthBetween(written, await readWritten(contender.db, folder), jobs.length)
      : {};
  await concurrently(jobs, CLIENTS, (job) => contender.remove(job));
  return {
    figures: {
      jobs: jobs.length,
      creationPerSecond: jobs.length / seconds,
      ...cpu,
      ...growth,
      ...(statements ? { apiStatementsPer1000: (statements.calls.api / jobs.length) * 1_000 } : {}),
    },
    details: { statements: statements?.top ?? [] },
  };
}
