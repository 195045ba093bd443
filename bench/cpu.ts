import { readdirSync, readFileSync } from 'node:fs';
import type { Contender } from './contender.ts';

/** In these units Linux counts the time of processes, whatever its own clock is. */
const TICKS_PER_SECOND = 100;

interface ProcessStat {
  parent: number;
  /** Of its own and, for `reaped`, of the children that it has waited for. */
  seconds: number;
  reaped: number;
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; what follows it are numbers, the state before them.
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
 * The processor time that a process has taken, in seconds, with its children: those that live, and those that have ended.
 * Postgres has one for each connection. NaN where the system does not tell, which only Linux does.
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

/** What the processes of a contender have taken so far, by what they are. */
export const cpuOf = ({ pids }: Pick<Contender, 'pids'>): Record<string, number> =>
  Object.fromEntries(Object.entries(pids).map(([part, pid]) => [part, cpuSecondsOf(pid)]));

/** What they took between two moments, for each thousand of `count`; nothing where the system does not tell. */
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

/** The resident memory of a process, in megabytes; NaN where the system does not tell. */
export function memoryOf(pid: number): number {
  if (!readStat(pid)) return NaN;
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}
