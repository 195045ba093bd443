import { percentile } from './results.ts';

/** The result of a load. */
export interface LoadFigures {
  perSecond: number;
  p99Ms: number;
}

/** Sends requests over parallel connections, one after another on each, until the time is over. */
export async function load(
  connections: number,
  seconds: number,
  send: (number: number) => Promise<unknown>,
  signal: AbortSignal,
): Promise<LoadFigures> {
  const durations: number[] = [];
  const beganAt = performance.now();
  const endsAt = beganAt + seconds * 1_000;
  let sent = 0;
  const connection = async () => {
    while (performance.now() < endsAt) {
      signal.throwIfAborted();
      const sentAt = performance.now();
      await send(sent++);
      durations.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, connection));
  const took = (performance.now() - beganAt) / 1_000;
  return { perSecond: durations.length / took, p99Ms: percentile(durations, 0.99) };
}
