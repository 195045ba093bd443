/**
 * The order of test files: the longest first, so that none is left over when all others have ended. jest would go by
 * the size of a file, which says nothing about how long its tests wait.
 */
const LONGEST = [
  'long/faults',
  'long/fuzz',
  'long/burst-changes',
  'long/workers-away',
  'long/temporal-away',
  'integration/local-stack',
  'integration/late',
  'integration/tampered-schedules',
  'integration/limits',
  'integration/lost-temporal',
  'unit/fault-checker-runs',
  'integration/failover',
  'integration/skips',
  'integration/silent-hosts',
  'integration/run-stream',
  'integration/runs',
  'integration/read-replica',
  'integration/overlap',
  'integration/local-calls',
  'integration/timeouts',
  'integration/every-occurrence',
  'integration/definition-in-force',
  'integration/reconcile',
  'integration/two-writers',
  'integration/metrics',
  'integration/user-targets',
  'integration/http-server',
  'integration/burst',
  'integration/restored',
  'integration/database-away',
  'integration/completion',
  'integration/hooks',
  'integration/rate-limits',
  'integration/cancel-and-retry',
  'unit/domain/schedule/other-libraries',
];

const rankOf = ({ path }) => {
  const rank = LONGEST.findIndex((name) => path.endsWith(`/test/${name}.test.ts`));
  if (rank >= 0) return rank;
  return path.includes('/test/unit/') ? LONGEST.length + 1 : LONGEST.length;
};

/** Used by jest.config.js as its `testSequencer`. */
export default class LongestFirst {
  sort(tests) {
    return [...tests].sort((one, other) => rankOf(one) - rankOf(other) || one.path.localeCompare(other.path));
  }

  /** For `--onlyFailures`, which would take a record of earlier runs. */
  allFailedTests(tests) {
    return tests;
  }

  /** jest offers the durations of a run; the order does not depend on them. */
  cacheResults() {}
}
