import path from 'node:path';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { buildWithGo } from '../../local/go-program.ts';
import { concurrently } from '../../platform/concurrently.ts';
import { apiClient } from '../support/client.ts';
import { waitFor } from '../support/wait-for.ts';
import { SETTINGS } from './temporal-cluster.ts';
import { startDeployedStack, type DeployedStack } from './temporal-stack.ts';

// node --import tsx test/deploy/temporal-burst.ts [jobs]: measures a burst of jobs that are due in one second, with and
// without deploy/temporal/dynamic-config.yaml, on a Temporal cluster with Postgres.
const jobs = Number(process.argv[2] ?? 300);
/** Enough time for creating the jobs on two slow cores. */
const AHEAD_MS = 20_000 + jobs * 80;
const CLIENTS = 8;
const LONGEST_MS = 300_000;
const say = (text: string) => console.log(`[burst] ${text}`);

const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-burst-'));
const none = path.join(folder, 'none.yaml');
writeFileSync(none, '');
for (const [name, file] of [
  ['shipped', path.join(SETTINGS, 'dynamic-config.yaml')],
  ['none', none],
] as const) {
  const stack = await startDeployedStack(
    { say: () => undefined, obtain: (program) => buildWithGo(program, say) },
    file,
  );
  try {
    say(`${name}: ${await burst(stack)}`);
  } finally {
    await stack.stop();
  }
}
rmSync(folder, { recursive: true, force: true });

async function burst({ apiUrl, receiver, db, cluster }: DeployedStack): Promise<string> {
  const api = apiClient(apiUrl);
  const due = Math.ceil((Date.now() + AHEAD_MS) / 1_000) * 1_000;
  await concurrently(Array(jobs).keys(), CLIENTS, async (index) => {
    await api.createJob({
      name: `burst-${index}`,
      schedule: { at: new Date(due).toISOString() },
      target: { type: 'http', url: `${receiver.url}/job/${index}` },
    });
  });
  const made = Date.now();
  if (made > due) throw new Error('the jobs were due before all of them were made');
  const before = await countRequests(cluster.metricsUrl);
  await waitFor('all runs to succeed', () => countSucceeded(db, jobs), LONGEST_MS);
  const requests = (await countRequests(cluster.metricsUrl)) - before;

  const calls = receiver.calls.map((call) => call.at).sort((a, b) => a - b);
  const gaps = calls.map((at, index) => at - (calls[index - 1] ?? due));
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  const last = calls[calls.length - 1] ?? due;
  const median = calls[Math.floor(calls.length / 2)] ?? due;
  return [
    `${jobs} jobs, ${((jobs * 1_000) / (last - due)).toFixed(0)} a second`,
    `half of them ${seconds(median - due)} late, the last ${seconds(last - due)}`,
    `longest silence ${seconds(Math.max(...gaps))}`,
    `${(requests / jobs).toFixed(0)} requests between Temporal's services for each`,
  ].join('; ');
}

async function countSucceeded(db: DeployedStack['db'], wanted: number): Promise<boolean> {
  const { rows } = await db.query<{ count: string }>("SELECT count(*) FROM runs WHERE state = 'succeeded'");
  return Number(rows[0]?.count) >= wanted;
}

/** The number of requests that the services of Temporal have answered so far. */
async function countRequests(metricsUrl: string): Promise<number> {
  const metrics = await (await fetch(metricsUrl)).text();
  return [...metrics.matchAll(/^service_requests\{.*\} ([\d.e+]+)$/gm)].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}
