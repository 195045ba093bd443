import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { parse } from 'yaml';
import { apiClient } from '../support/client.ts';
import { waitFor } from '../support/wait-for.ts';
import { complaintsIn, findFaults, SERVER, SETTINGS } from './temporal-cluster.ts';
import { startDeployedStack, type CheckTools, type DeployedStack } from './temporal-stack.ts';

const DYNAMIC_CONFIG = path.join(SETTINGS, 'dynamic-config.yaml');
const RETENTION_S = 7 * 24 * 3_600;

/**
 * Tries deploy/temporal with a real Temporal server on a real Postgres: databases, schemas and their update, namespace, settings, and a job
 * that runs. Wants the build in dist/.
 * @throws Error that says what fails
 */
export async function checkTemporalOnPostgres(tools: CheckTools): Promise<void> {
  await checkDynamicConfigFile(tools);
  const stack = await startDeployedStack(tools, DYNAMIC_CONFIG);
  const connection = await Connection.connect({ address: stack.cluster.address });
  try {
    checkServerLog(stack);
    await checkNamespace(connection, stack.namespace);
    const id = await checkJob(stack);
    const temporal = new Client({ connection, namespace: stack.namespace });
    const { spec } = await temporal.schedule.getHandle(`scheduler-job-${id}`).describe();
    assert.equal(spec.intervals?.[0]?.every, 1_000, 'the schedule is in Temporal');
    await checkVisibility(temporal, id);
    const metrics = await (await fetch(stack.cluster.metricsUrl)).text();
    assert.match(metrics, /^service_requests\{/m, 'the server has metrics');
    await reportConnections(stack, tools.say);
    assert.deepEqual(complaintsIn(stack.cluster.readLog()), [], 'the server complains of no setting');
  } finally {
    await connection.close();
    await stack.stop();
  }
}

/** The validator of the server finds no error, but does find a wrong key, type and constraint. */
async function checkDynamicConfigFile({ obtain, say }: CheckTools): Promise<void> {
  const server = await obtain(SERVER);
  assert.deepEqual(await findFaults(server, DYNAMIC_CONFIG), []);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-settings-'));
  try {
    const wrong = path.join(folder, 'wrong.yaml');
    const settings = readFileSync(DYNAMIC_CONFIG, 'utf8');
    for (const [right, spoiled] of [
      ['frontend.rps:', 'frontend.rqs:'],
      ['value: 5000', 'value: many'],
      ['StickyScheduleToStartTimeout: 300s', 'StickyScheduleToStartTimeout: long'],
      ['- value: true', '- value: true\n    constraints: { shardId: 1 }'],
    ] as const) {
      assert.ok(settings.includes(right), right);
      writeFileSync(wrong, settings.replace(right, spoiled));
      assert.equal((await findFaults(server, wrong)).length, 1, `${spoiled} is found`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  say('The dynamic configuration is valid, and four spoiled ones are not');
}

/** The server logs each setting with its value. */
function checkServerLog({ cluster }: DeployedStack): void {
  const log = cluster.readLog();
  const settings = parse(readFileSync(DYNAMIC_CONFIG, 'utf8')) as Record<string, { value: unknown }[]>;
  for (const [key, [setting]] of Object.entries(settings)) {
    const taken = log
      .split('\n')
      .find((line) => line.includes(`changed for the key: ${key.toLowerCase()} oldValue`));
    assert.ok(taken, `${key} is taken over`);
    const values = typeof setting?.value === 'object' ? Object.values(setting.value ?? {}) : [setting?.value];
    for (const value of values) assert.ok(taken.includes(String(value)), `${key} has ${String(value)}`);
  }
}

async function checkNamespace(connection: Connection, namespace: string): Promise<void> {
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  assert.equal(
    Number(config?.workflowExecutionRetentionTtl?.seconds),
    RETENTION_S,
    'the retention is 7 days',
  );
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  assert.deepEqual(Object.keys(customAttributes ?? {}).sort(), ['JobId', 'JobName', 'JobNamespace']);
}

/** Runs a job with an occurrence every second three times. Returns its id. */
async function checkJob({ apiUrl, receiver, db }: DeployedStack): Promise<string> {
  const job = await apiClient(apiUrl).createJob({
    name: 'on-postgres',
    schedule: { every: '1s' },
    target: { type: 'http', url: `${receiver.url}/on-postgres` },
  });
  await waitFor('three runs', async () => {
    const { rows } = await db.query<{ state: string }>('SELECT state FROM runs WHERE ended_at IS NOT NULL');
    assert.ok(rows.every((row) => row.state === 'succeeded'));
    return rows.length >= 3;
  });
  assert.ok(receiver.callsTo('/on-postgres').length >= 3);
  return job.id;
}

/** The list of workflows finds the runs of a job by its search attributes, which are in Postgres too. */
async function checkVisibility(temporal: Client, id: string): Promise<void> {
  await waitFor('the runs in the list of workflows', async () => {
    const { count } = await temporal.workflow.count(`JobId = "${id}" AND JobName = "on-postgres"`);
    return count >= 3;
  });
}

async function reportConnections({ db }: DeployedStack, say: CheckTools['say']): Promise<void> {
  const { rows } = await db.query<{ datname: string; count: string }>(
    "SELECT datname, count(*) FROM pg_stat_activity WHERE usename = 'temporal' GROUP BY datname ORDER BY datname",
  );
  say(`Connections of the four services: ${rows.map((row) => `${row.datname} ${row.count}`).join(', ')}`);
}
