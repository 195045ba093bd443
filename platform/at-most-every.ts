/** Caches the result of `find` for `periodMs`. Concurrent callers share one call; errors are not cached. */
export function atMostEvery<Value>(periodMs: number, find: () => Promise<Value>): () => Promise<Value> {
  let cached: { value: Promise<Value>; expiresAt: number } | undefined;
  return () => {
    if (cached && cached.expiresAt > performance.now()) return cached.value;
    const entry = { value: find(), expiresAt: performance.now() + periodMs };
    cached = entry;
    entry.value.catch(() => {
      if (cached === entry) cached = undefined;
    });
    return entry.value;
  };
}
