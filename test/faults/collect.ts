import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { fromApiSchedule } from './api-schedule.ts';
import { listHeld, listScheduled } from './held-schedules.ts';
import type { AttemptRecord, JobRecord, RunRecord, TargetCall, WorkflowRecord } from './log.ts';

const POLL_MS = 1_000;
/** Temporal's lists are eventually consistent: they count as final when they have not changed for this time. */
const STEADY_MS = 6_000;

/** The final state, read from Temporal, the tables and the API. */
export interface Collected {
  workflows: WorkflowRecord[];
  runs: RunRecord[];
  jobs: JobRecord[];
}

/** Waits until no run is open and nothing changes, at most for `timeoutMs`. Returns whether that was reached. */
export async function awaitQuiet(cluster: Cluster, timeoutMs: number): Promise<boolean> {
  let steadySince = Date.now();
  let before = '';
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(POLL_MS)) {
    const seen = await describeState(cluster).catch(() => undefined);
    const now = JSON.stringify(seen);
    const busy = !seen || seen.open > 0 || seen.unsynced > 0 || seen.orphans > 0;
    if (busy || now !== before) steadySince = Date.now();
    before = now;
    if (Date.now() - steadySince >= STEADY_MS) return true;
  }
  return false;
}

async function describeState(cluster: Cluster) {
  const { db, target, temporalClient } = cluster;
  const [{ count }, { count: openWorkflows }, { rows }, scheduled] = await Promise.all([
    temporalClient.workflow.count("WorkflowType IN ('runJob', 'runHttpJob')"),
    temporalClient.workflow.count("WorkflowType IN ('runJob', 'runHttpJob') AND ExecutionStatus = 'Running'"),
    db.query<{ runs: string; unsynced: string; deleted: string[] }>(
      `SELECT (SELECT count(*) FROM runs WHERE ended_at IS NULL) AS runs,
              (SELECT count(*) FROM jobs WHERE observed_generation <> generation) AS unsynced,
              (SELECT coalesce(json_agg(id), '[]') FROM jobs WHERE deleted_at IS NOT NULL) AS deleted`,
    ),
    listScheduled(cluster.temporalClient),
  ]);
  const [tables] = rows;
  return {
    workflows: count,
    calls: target.calls.length,
    open: openWorkflows + Number(tables?.runs),
    unsynced: Number(tables?.unsynced),
    orphans: (tables?.deleted ?? []).filter((id) => scheduled.has(id)).length,
  };
}

/** Reads the final state. */
export async function collect(cluster: Cluster, calls: readonly TargetCall[]): Promise<Collected> {
  const [workflows, runs, jobs] = await Promise.all([
    listWorkflows(cluster, calls),
    listRuns(cluster),
    listJobs(cluster),
  ]);
  return { workflows, runs, jobs };
}

async function listWorkflows(
  { temporalClient }: Cluster,
  calls: readonly TargetCall[],
): Promise<WorkflowRecord[]> {
  const called = new Set(
    calls.flatMap(({ job, run, scheduledAt }) => [
      `scheduler-job-${job}-${new Date(scheduledAt).toISOString().replace('.000Z', 'Z')}`,
      `scheduler-run-${run}`,
    ]),
  );
  const workflows: WorkflowRecord[] = [];
  const query = "WorkflowType IN ('runJob', 'runHttpJob')";
  for await (const { workflowId, runId, status, startTime, closeTime } of temporalClient.workflow.list({
    query,
  })) {
    const unexplained = status.name === 'COMPLETED' && !called.has(workflowId);
    const result = unexplained
      ? ((await temporalClient.workflow.getHandle(workflowId, runId).result()) as { state?: string })
      : undefined;
    workflows.push({
      workflowId,
      executionId: runId,
      status: status.name,
      startedAt: startTime.getTime(),
      closedAt: closeTime?.getTime() ?? null,
      resultState: result?.state ?? null,
    });
  }
  return workflows;
}

/** Reads the table, because no list of the API has the runs of deleted jobs. */
async function listRuns({ db }: Cluster): Promise<RunRecord[]> {
  const { rows } = await db.query<{
    id: string;
    job_id: string;
    trigger: string;
    scheduled_at: Date;
    state: string;
    reason: string | null;
    reason_code: string | null;
    ended_at: Date | null;
    attempts: { number: number; outcome: string; startedAt: string; endedAt: string }[];
    lost_calls: { number: number; startedAt: string; endedAt: string }[];
    last_scheduled_at: Date | null;
    occurrences: number | null;
    cause: { runId: string } | null;
    backfill_id: string | null;
  }>(
    `SELECT id, job_id, trigger, scheduled_at, state, reason, reason_code, ended_at, attempts, lost_calls,
            last_scheduled_at, occurrences, cause, backfill_id
     FROM runs`,
  );
  return rows.map(({ id, trigger, state, reason, attempts, cause, ...row }) => ({
    ...{ id, job: row.job_id, trigger, scheduledAt: row.scheduled_at.getTime() },
    ...{ state, reason, reasonCode: row.reason_code, endedAt: row.ended_at?.getTime() ?? null },
    attempts: [...row.lost_calls.map((call) => ({ ...call, outcome: 'lost' })), ...attempts].map(
      ({ number, outcome, startedAt, endedAt }): AttemptRecord => ({
        ...{ number, outcome, startedAt: Date.parse(startedAt), endedAt: Date.parse(endedAt) },
      }),
    ),
    pause: row.last_scheduled_at && {
      until: row.last_scheduled_at.getTime(),
      count: row.occurrences ?? 0,
    },
    ...(cause === null ? {} : { cause: cause.runId }),
    ...(row.backfill_id === null ? {} : { backfill: row.backfill_id }),
  }));
}

interface ApiJob {
  id: string;
  name: string;
  state: string;
  schedule: Parameters<typeof fromApiSchedule>[0];
  sync: { state: string };
}

/** Reads existing jobs from the API, and deleted ones from the table. */
async function listJobs(cluster: Cluster): Promise<JobRecord[]> {
  const held = await listHeld(cluster.temporalClient);
  const jobs: JobRecord[] = [];
  const [api] = cluster.apis;
  for (let path: string | undefined = '/jobs?limit=100'; path !== undefined;) {
    const answer: Response = await fetch(`${api?.url}${path}`);
    const { items, nextCursor } = (await answer.json()) as { items: ApiJob[]; nextCursor: string | null };
    for (const { id, name, state, schedule, sync } of items) {
      jobs.push({
        ...{ id, name, state, deleted: false },
        ...{ synced: sync.state === 'synced', schedule: fromApiSchedule(schedule) },
        held: held.get(id) ?? null,
      });
    }
    path = nextCursor === null ? undefined : `/jobs?limit=100&cursor=${nextCursor}`;
  }
  const { rows } = await cluster.db.query<{ id: string; name: string; state: string; synced: boolean }>(
    'SELECT id, name, state, observed_generation = generation AS synced FROM jobs WHERE deleted_at IS NOT NULL',
  );
  for (const row of rows)
    jobs.push({ ...row, deleted: true, schedule: null, held: held.get(row.id) ?? null });
  return jobs;
}
