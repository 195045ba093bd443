import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apiClient, bearer, request } from '../support/client.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { API_KEY_PEPPER, makeKey } from '../support/keys.ts';
import { runPromtool, startPrometheus } from '../support/prometheus.ts';
import { parseMetrics, type Scrape } from '../support/parse-metrics.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const FOLDER = 'deploy/monitoring';

interface Dashboard {
  panels: { targets: { expr: string }[] }[];
}

let stack: Stack;
let apiService: ServiceProcess;
let worker: ServiceProcess;
let api: ReturnType<typeof apiClient>;
let key: string;

const scrape = async (url: string): Promise<Scrape> =>
  parseMetrics(await (await fetch(`${url}/metrics`)).text());

beforeAll(async () => {
  stack = await createStack('metrics');
  [apiService, worker] = await Promise.all([stack.startApi({ API_KEY_PEPPER }), stack.startWorker()]);
  key = await makeKey(stack, 'metrics', 'admin');
  api = apiClient(apiService.url, key);
});
afterAll(() => stack.stop());

const definition = (name: string, more: object = {}) => ({
  name,
  schedule: { at: '2090-01-01T00:00:00Z' },
  target: { type: 'http', url: `${stack.receiver.url}/${name}` },
  retry: { maxAttempts: 2, initialInterval: '1s' },
  ...more,
});

describe('metrics', () => {
  test('of the API count requests by route and status, not by id', async () => {
    const job = await api.createJob(definition('counted'));
    await api.getJob(job.id);
    await api.getJob(job.id);
    await request(`${apiService.url}/jobs/${job.id}`);
    await request(`${apiService.url}/no/such/path/${job.id}`);
    await fetch(`${apiService.url}/jobs`, { method: 'PURGE' });
    const metrics = await scrape(apiService.url);
    const count = (labels: Record<string, string>) =>
      metrics.value('scheduler_http_request_duration_seconds_count', labels);
    expect(count({ method: 'GET', route: '/jobs/{id}', status: '200' })).toBe(2);
    expect(count({ method: 'GET', route: '/jobs/{id}', status: '401' })).toBe(1);
    expect(count({ method: 'GET', route: 'other', status: '404' })).toBe(1);
    expect(count({ method: 'other', route: 'other', status: '405' })).toBe(1);
    expect(metrics.text).not.toContain(job.id);
    expect(metrics.value('scheduler_database_connections', { database: 'primary', state: 'waiting' })).toBe(
      0,
    );
    expect(metrics.value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
  });

  test('of a worker count attempts, ended runs and the lateness of occurrences', async () => {
    stack.receiver.respond('/fails', (_, response) => response.writeHead(503).end());
    const [good, bad] = [await api.createJob(definition('works')), await api.createJob(definition('fails'))];
    await endOfRun(api, (await api.runJob(good.id)).id);
    await endOfRun(api, (await api.runJob(bad.id)).id);
    const soon = new Date(Date.now() + 2_000).toISOString();
    const once = await api.createJob(definition('once', { schedule: { at: soon } }));
    await waitFor(
      'the occurrence',
      async () => (await api.listRuns(once.id)).items[0]?.state === 'succeeded',
    );
    const metrics = await scrape(worker.url);
    expect(metrics.value('scheduler_attempts_total', { target: 'http', outcome: 'succeeded' })).toBe(2);
    expect(metrics.value('scheduler_attempts_total', { target: 'http', outcome: 'failed' })).toBe(2);
    const ended = (trigger: string, state: string) =>
      metrics.value('scheduler_runs_ended_total', { target: 'http', trigger, state });
    expect([ended('manual', 'succeeded'), ended('manual', 'failed'), ended('schedule', 'succeeded')]).toEqual(
      [1, 1, 1],
    );
    // Manual runs have no lateness.
    expect(metrics.value('scheduler_run_lateness_seconds_count', { target: 'http' })).toBe(1);
  });

  test('of a worker show the state of the installation', async () => {
    const paused = await api.createJob(definition('paused'));
    await api.pauseJob(paused.id);
    const limited = await api.createJob(
      definition('limited', { policy: { maxConcurrent: 1, concurrencyKey: 'one' } }),
    );
    stack.receiver.respond('/limited', (_, response) => void setTimeout(() => response.end('ok'), 20_000));
    for (let run = 0; run < 3; run++) await api.runJob(limited.id);
    const metrics = await waitFor('two waiting permits', async () => {
      const now = await scrape(worker.url);
      return now.value('scheduler_turns', { state: 'waiting' }) === 2 ? now : undefined;
    });
    expect(metrics.value('scheduler_turns', { state: 'held' })).toBe(1);
    expect(metrics.value('scheduler_jobs', { state: 'paused' })).toBe(1);
    const { rows } = await stack.db.query<{ count: string }>(
      `SELECT count(*) FROM jobs WHERE state = 'active' AND deleted_at IS NULL`,
    );
    expect(metrics.value('scheduler_jobs', { state: 'active' })).toBe(Number(rows[0]?.count));
    expect(metrics.value('scheduler_open_runs', { state: 'queued' })).toBe(2);
    expect(metrics.value('scheduler_state_up')).toBe(1);
    expect(metrics.value('scheduler_reconciler_silent_seconds')).toBeLessThan(60);
    expect(metrics.value('scheduler_task_queue_backlog', { task_type: 'activity' })).toBeGreaterThanOrEqual(
      0,
    );
  });

  test('follow the naming conventions of Prometheus, with help texts and few label values', async () => {
    const scrapes = await Promise.all([apiService, worker].map(({ url }) => scrape(url)));
    for (const { families } of scrapes) {
      for (const { name, type, help, series } of families.filter((family) =>
        family.name.startsWith('scheduler_'),
      )) {
        expect(name).toMatch(/^scheduler_[a-z_]+$/);
        expect(help).toMatch(/^[A-Z].*\.$/);
        if (type === 'counter') expect(name).toMatch(/_total$/);
        if (type === 'histogram') expect(name).toMatch(/_seconds$/);
        expect(series).toBeLessThan(500);
      }
    }
  });

  test('need credentials when the documentation does', async () => {
    const closed = await stack.startApi({ API_KEY_PEPPER, INTERNAL_ACCESS: 'authenticated' });
    expect((await fetch(`${closed.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${closed.url}/metrics`, { headers: bearer(key) })).status).toBe(200);
    await closed.stop();
  });

  test('that dashboards and alerts use exist', async () => {
    const scrapes = await Promise.all([apiService, worker].map(({ url }) => scrape(url)));
    const known = new Set(
      scrapes.flatMap(({ families }) =>
        families.flatMap(({ name, type }) =>
          type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
        ),
      ),
    );
    const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.(json|ya?ml)$/.test(file),
    );
    expect(files.length).toBeGreaterThanOrEqual(4);
    const spoken = files.flatMap((file) =>
      [
        ...readFileSync(`${FOLDER}/${file}`, 'utf8').matchAll(
          /\b(?:scheduler|nodejs|process|temporal)_[a-z0-9_]+/g,
        ),
      ].map(([name]) => ({ file, name })),
    );
    expect(spoken.length).toBeGreaterThan(30);
    expect(spoken.filter(({ name }) => !known.has(name))).toEqual([]);
  });
});

describe('in a real Prometheus', () => {
  test('each alert fires on its condition, and not for a healthy service', () => {
    expect(runPromtool('test', 'rules', `${FOLDER}/alerts.test.yml`)).toContain('SUCCESS');
    expect(runPromtool('check', 'rules', `${FOLDER}/alerts.yml`)).toContain('15 rules found');
    const runbook = readFileSync('docs/operations.md', 'utf8');
    for (const [, name] of readFileSync(`${FOLDER}/alerts.yml`, 'utf8').matchAll(/alert: (\w+)/g))
      expect(runbook).toContain(`### ${name}\n`);
  });

  test('each query of the dashboards finds series, and no alert fires', async () => {
    const targets = [apiService, worker].map(({ url }) => new URL(url).host);
    const prometheus = await startPrometheus(targets);
    try {
      const expressions = readdirSync(`${FOLDER}/grafana`).flatMap((file) => {
        const { panels } = JSON.parse(readFileSync(`${FOLDER}/grafana/${file}`, 'utf8')) as Dashboard;
        return panels.flatMap((panel) => panel.targets.map(({ expr }) => expr));
      });
      // This test calls no hook.
      const asked = expressions.filter((expression) => !expression.includes('onFailure'));
      expect(asked.length).toBeGreaterThan(30);
      for (const name of ['works-often', 'fails'])
        await api.createJob(definition(`${name}`, { name: `${name} often`, schedule: { every: '1s' } }));
      let without = asked;
      await waitFor(
        'every query to find series',
        async () => {
          const found = await Promise.all(
            without.map((expression) => prometheus.query(expression.replaceAll('$__rate_interval', '15s'))),
          );
          without = without.filter((_, index) => found[index]?.length === 0);
          return without.length === 0;
        },
        60_000,
      ).catch(() => undefined);
      expect(without).toEqual([]);
      expect(await prometheus.query('ALERTS{alertstate="firing"}')).toEqual([]);
    } finally {
      await prometheus.stop();
    }
  });
});
