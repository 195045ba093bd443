/**
 * Wraps what is costly to find out, so that it is asked for at most once in so many milliseconds, however often somebody
 * looks. A failure is no answer: the next one asks again.
 */
export function atMostEvery<Value>(periodMs: number, find: () => Promise<Value>): () => Promise<Value> {
  let known: { value: Promise<Value>; until: number } | undefined;
  return () => {
    if (known && known.until > performance.now()) return known.value;
    const entry = { value: find(), until: performance.now() + periodMs };
    known = entry;
    entry.value.catch(() => {
      if (known === entry) known = undefined;
    });
    return entry.value;
  };
}
