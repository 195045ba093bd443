/** Runs one piece of work at a time per key. */
export type KeyedMutex = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>;

/**
 * Creates a keyed mutex for this process. Work with the same key runs in the order in which it was asked
 * for. Work that would have to wait for a lock elsewhere waits here instead, and holds no connection
 * meanwhile.
 */
export function createKeyedMutex(): KeyedMutex {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const own = (last.get(key) ?? Promise.resolve()).then(work, work);
    last.set(key, own);
    try {
      return await own;
    } finally {
      if (last.get(key) === own) last.delete(key);
    }
  };
}
