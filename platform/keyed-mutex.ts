/**
 * Lets work with the same key be done one after another, in the order in which it was asked for; within this process.
 * What has to wait for a lock elsewhere waits here, and holds no connection meanwhile.
 */
export function createKeyedMutex() {
  const last = new Map<string, Promise<unknown>>();
  return async <Result>(key: string, work: () => Promise<Result>): Promise<Result> => {
    const turn = (last.get(key) ?? Promise.resolve()).then(work, work);
    last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (last.get(key) === turn) last.delete(key);
    }
  };
}
