import { concurrently } from '../../platform/concurrently.ts';
import type { BenchJob, Contender, When } from '../contender.ts';
import { awaitCount, CLIENTS, pause, type BenchContext } from '../context.ts';
import { cpuOf, cpuPer1000, sum } from '../cpu.ts';
import type { ReceivedCall } from '../receiver.ts';
import { awaitTakenUp } from '../new-schedules.ts';
import { percentile } from '../results.ts';

const DAY_MS = 86_400_000;
const WARM_UP_JOBS = 20;
/** The time that Temporal may take for each new schedule among many, in milliseconds. */
const TAKE_UP_MS = 20;
/** The time before they are due at which all jobs must exist. */
const LEAD_MS = 5_000;
/** The measured period starts this time before the jobs are due, and ends this time after the last call. */
const BEFORE_MS = 1_000;
const AFTER_MS = 2_000;
/** If no call has come for this time, no more are expected: an untuned Temporal can be silent for a minute. */
const PATIENCE_MS = 120_000;
const ATTEMPTS = 3;
const LONGEST_SILENCE_MS = 70_000;

/** Jobs that are all due in one second. */
export interface Burst {
  /** The prefix of the paths of calls and of the names of jobs. */
  group: string;
  count: number;
  /** Once, or once a day: completing a job that fires once takes additional work. */
  recurs: boolean;
  /** Is called shortly before the jobs are due. */
  begin?: () => Promise<void>;
  /** Is called after the last call, before the jobs are deleted. */
  end?: (jobs: BenchJob[]) => Promise<void>;
}

/** Runs a small burst as a warm-up, then the measured one. Returns its figures. */
export async function runBurst(
  context: BenchContext,
  contender: Contender,
  burst: Burst,
): Promise<Record<string, number>> {
  const warmUp = { group: `warm-up-${burst.group}`, count: WARM_UP_JOBS, recurs: burst.recurs };
  const { creationPerSecond } = await carryOut(context, contender, warmUp, LEAD_MS);
  const leadMs = (burst.count / (creationPerSecond ?? 1)) * 1_500 + burst.count * TAKE_UP_MS + LEAD_MS;
  return carryOut(context, contender, burst, leadMs);
}

async function carryOut(
  context: BenchContext,
  contender: Contender,
  burst: Burst,
  firstLeadMs: number,
): Promise<Record<string, number>> {
  let leadMs = firstLeadMs;
  for (let attempt = 1; ; attempt++) {
    const group = attempt === 1 ? burst.group : `${burst.group}-${attempt}`;
    const figures = await tryOut(context, contender, { ...burst, group }, leadMs);
    if (figures) return figures;
    if (attempt === ATTEMPTS)
      throw new Error(`${group}: Temporal was not ready for the jobs before they were due`);
    leadMs = Math.max(2 * leadMs, LONGEST_SILENCE_MS);
  }
}

/** Undefined if not all jobs could be created before they were due. */
async function tryOut(
  context: BenchContext,
  contender: Contender,
  { group, count, recurs, begin, end }: Burst,
  leadMs: number,
): Promise<Record<string, number> | undefined> {
  const { receiver, say, signal } = context;
  const at = Math.ceil((Date.now() + leadMs) / 1_000) * 1_000;
  const when: When = recurs ? { everyMs: DAY_MS, offsetMs: at % DAY_MS } : { at: new Date(at) };
  const jobs = Array.from({ length: count }, (_, index) => ({
    name: `${group}-${index}`,
    url: receiver.urlOf(group, String(index)),
    when,
  }));
  say(`  ${group}: making ${count} jobs, due in ${Math.round((at - Date.now()) / 1_000)} s`);
  await contender.calmDown?.();
  const beganAt = performance.now();
  await concurrently(jobs, CLIENTS, (job) => {
    signal.throwIfAborted();
    return contender.create(job);
  });
  const creationPerSecond = count / ((performance.now() - beganAt) / 1_000);
  const untouched = await awaitTakenUp(context, contender, jobs, at - BEFORE_MS);
  const remove = () => concurrently(jobs, CLIENTS, (job) => contender.remove(job));
  if (untouched > 0 || Date.now() > at - BEFORE_MS) {
    say(`  ${group}: not all were ready in time; once more, with more time`);
    await remove();
    await receiver.forget(group);
    return undefined;
  }

  const idleFrom = { at: performance.now(), cpu: cpuOf(contender) };
  await pause(context, at - BEFORE_MS - Date.now());
  const idleCpuPercent =
    (100 * (sum(cpuOf(contender)) - sum(idleFrom.cpu))) / ((performance.now() - idleFrom.at) / 1_000);
  await begin?.();
  const before = cpuOf(contender);
  await pause(context, at - Date.now());
  await awaitCount(context, group, count, () => receiver.count(group), PATIENCE_MS);
  await pause(context, AFTER_MS);
  const after = cpuOf(contender);
  await end?.(jobs);
  const calls = await receiver.calls(group);
  await receiver.forget(group);
  say(`  ${group}: ${calls.length} calls; removing the jobs`);
  await remove();

  const cpu = cpuPer1000(before, after, count);
  return {
    jobs: count,
    ...evaluate(calls, count, at),
    creationPerSecond,
    ...cpu,
    ...(cpu['cpuSecondsPer1000'] === undefined ? {} : { idleCpuPercent }),
  };
}

function evaluate(calls: ReceivedCall[], count: number, at: number) {
  const distinct = new Set(calls.map(({ id }) => id)).size;
  const lateness = calls.map(({ arrivedAt }) => arrivedAt - at).sort((a, b) => a - b);
  const silences = lateness.map((late, index) => late - (lateness[index - 1] ?? 0));
  return {
    missing: count - distinct,
    duplicates: calls.length - distinct,
    latenessP50Ms: percentile(lateness, 0.5),
    latenessP99Ms: percentile(lateness, 0.99),
    latenessMaxMs: Math.max(...lateness),
    longestSilenceMs: Math.max(...silences),
    drainPerSecond: calls.length / (Math.max(...lateness) / 1_000),
  };
}
