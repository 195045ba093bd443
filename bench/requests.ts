/** The number of requests of a worker to Temporal by kind, from its metrics. Pure. */
export function requestsIn(metrics: string): Record<string, number> {
  const requests: Record<string, number> = {};
  for (const line of metrics.split('\n')) {
    const [, operation, count] =
      /^temporal_(?:long_)?request(?:_total)?\{.*operation="(\w+)".*\} (\S+)$/.exec(line) ?? [];
    if (operation !== undefined) requests[operation] = (requests[operation] ?? 0) + Number(count);
  }
  return requests;
}

/** The requests per run between two such counts. Pure. */
export function requestsPerRun(
  before: Record<string, number>,
  after: Record<string, number>,
  runs: number,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after)
      .map(([operation, count]) => [operation, (count - (before[operation] ?? 0)) / runs] as const)
      .filter(([, perRun]) => perRun > 0)
      .sort(([, a], [, b]) => b - a),
  );
}
