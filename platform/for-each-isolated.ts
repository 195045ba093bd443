import { concurrently } from './concurrently.ts';

/** How a loop treats failures and the end of its time. */
export interface Isolation<Item> {
  concurrency: number;
  /** Once it answers true, no further item is begun. */
  isOver?: () => boolean;
  /** Tells errors that concern every item, such as a server that is away: they end the loop. */
  isFatal: (error: unknown) => boolean;
  /** Handles the failure of one item. An error that it throws ends the loop. */
  onFailure: (item: Item, error: unknown) => Promise<void> | void;
}

/**
 * Calls `work` with each item, so that the failure of one keeps none of the others from being worked on.
 * Returns how many items were begun.
 * @throws the first fatal error, once the work in progress has ended
 */
export async function forEachIsolated<Item>(
  items: Iterable<Item>,
  { concurrency, isOver = () => false, isFatal, onFailure }: Isolation<Item>,
  work: (item: Item) => Promise<void>,
): Promise<number> {
  let begun = 0;
  await concurrently(items, concurrency, async (item) => {
    if (isOver()) return;
    begun++;
    try {
      await work(item);
    } catch (error) {
      if (isFatal(error)) throw error;
      await onFailure(item, error);
    }
  });
  return begun;
}
