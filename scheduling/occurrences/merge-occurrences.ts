import { setImmediate } from 'node:timers/promises';

/** Occurrences that are taken before other tasks run: the search for one may take milliseconds. */
const OCCURRENCES_PER_TICK = 10;

/** A job whose occurrences are merged with those of others: the first one, and those after it, ascending. */
export interface OccurrenceSource {
  id: string;
  /** Milliseconds since the epoch, as of the others. */
  head: number;
  rest: Iterator<number>;
}

/** One occurrence of the merged order. */
export interface PlacedOccurrence {
  id: string;
  at: number;
}

/** The source of a job; undefined if it has no occurrence before `before`. Pure. */
export function sourceOf(
  id: string,
  instants: Iterator<number>,
  before: number,
): OccurrenceSource | undefined {
  const first = instants.next();
  return first.done || first.value >= before ? undefined : { id, head: first.value, rest: instants };
}

/** The sources that the first `limit` occurrences of all come from: each of the others begins later. Pure. */
export const nearestSources = (sources: readonly OccurrenceSource[], limit: number): OccurrenceSource[] =>
  [...sources].sort(compareSources).slice(0, limit);

/**
 * The first `limit` occurrences of all sources before `before`, by instant and then by id. Searches no further in
 * a source than it has to, and lets other tasks run. Uses the sources up.
 */
export async function mergeOccurrences(
  sources: readonly OccurrenceSource[],
  { before, limit }: { before: number; limit: number },
): Promise<PlacedOccurrence[]> {
  const merged: PlacedOccurrence[] = [];
  // No page needs more sources than it has entries, so a scan for the earliest of them is cheap.
  const open = nearestSources(sources, limit);
  while (open.length > 0 && merged.length < limit) {
    if (merged.length % OCCURRENCES_PER_TICK === OCCURRENCES_PER_TICK - 1) await setImmediate();
    const earliest = open.reduce((one, other) => (compareSources(one, other) <= 0 ? one : other));
    merged.push({ id: earliest.id, at: earliest.head });
    const next = merged.length < limit ? earliest.rest.next() : undefined;
    if (next && !next.done && next.value < before) earliest.head = next.value;
    else open.splice(open.indexOf(earliest), 1);
  }
  return merged;
}

/** Ids as Postgres compares them. */
function compareSources(one: OccurrenceSource, other: OccurrenceSource): number {
  if (one.head !== other.head) return one.head - other.head;
  return one.id < other.id ? -1 : Number(one.id > other.id);
}
