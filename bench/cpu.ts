import { readdirSync, readFileSync } from 'node:fs';
import type { Contender } from './contender.ts';

/** The units in which Linux reports CPU time, independent of its clock. */
const TICKS_PER_SECOND = 100;

interface ProcessStat {
  parent: number;
  /** CPU time of the process and, in `reaped`, of the children that it has waited for. */
  seconds: number;
  reaped: number;
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may contain anything. The state and numbers follow it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = (index: number) => Number(fields[index]);
    return {
      parent: ticks(1),
      seconds: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
      reaped: (ticks(13) + ticks(14)) / TICKS_PER_SECOND,
    };
  } catch {
    return undefined;
  }
}

/**
 * The CPU time of a process in seconds, with its children, both running and ended. Postgres has one child for each
 * connection. NaN on systems other than Linux.
 */
function cpuSecondsOf(pid: number): number {
  const own = readStat(pid);
  if (!own) return NaN;
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat?.parent === pid);
  return own.seconds + own.reaped + children.reduce((sum, child) => sum + (child?.seconds ?? 0), 0);
}

/** The CPU time of the processes of a contender so far, by name. */
export const cpuOf = ({ pids }: Pick<Contender, 'pids'>): Record<string, number> =>
  Object.fromEntries(Object.entries(pids).map(([part, pid]) => [part, cpuSecondsOf(pid)]));

/** The CPU time between two moments for each thousand of `count`; empty on systems other than Linux. */
export function cpuPer1000(
  before: Record<string, number>,
  after: Record<string, number>,
  count: number,
): Record<string, number> {
  const parts = Object.entries(after)
    .map(([part, seconds]) => [part, ((seconds - (before[part] ?? 0)) / count) * 1_000] as const)
    .filter(([, seconds]) => Number.isFinite(seconds));
  if (parts.length === 0) return {};
  return {
    ...Object.fromEntries(parts.map(([part, seconds]) => [`${part}CpuSecondsPer1000`, seconds])),
    cpuSecondsPer1000: sum(Object.fromEntries(parts)),
  };
}

export const sum = (parts: Record<string, number>) =>
  Object.values(parts).reduce((total, part) => total + part, 0);

/** The resident memory of a process in megabytes; NaN on systems other than Linux. */
export function memoryOf(pid: number): number {
  if (!readStat(pid)) return NaN;
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}
