import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasNoEnd, withFreeJob } from '../clients.ts';
import type { Cluster, Member } from '../cluster.ts';
import type { FaultContext, FaultOutcome } from '../fault.ts';
import {
  changeJob,
  createJob,
  deleteJob,
  setPaused,
  type BenchJob,
  type OperationContext,
} from '../job-operations.ts';
import { runJob } from '../run-operations.ts';

const POINT_TIMEOUT_MS = 10_000;

/** Returns whether the request has been committed. */
type IsCommitted = () => Promise<boolean>;

/** Starts a request, and returns how to see its commit. Undefined if there is no job for it now. */
type Act = (
  context: OperationContext,
  cluster: Cluster,
) => Promise<{ acting: Promise<unknown>; isCommitted: IsCommitted } | undefined>;

/** kill -9 of an API after the commit of a request and before its call to Temporal. */
export async function killAfterCommit({ cluster, random, caller }: FaultContext): Promise<FaultOutcome> {
  const index = random.integer(0, cluster.apis.length - 1);
  const api = cluster.apis[index] as Member;
  const { features } = caller;
  const name = random.pick([
    ...['create', 'create', 'pause', 'resume', 'run', 'delete'],
    ...(features.put || features.patch ? ['change', 'change'] : []),
  ]);
  // Its data to Temporal is held, so that there is time to observe the commit.
  api.toTemporal.hold();
  const context = { ...caller, first: index };
  const begun = (await ACTS[name]?.(context, cluster)) ?? (await create(context, cluster));
  let ended = false;
  const acting = begun?.acting.finally(() => (ended = true));
  let reached = false;
  for (const deadline = Date.now() + POINT_TIMEOUT_MS; !reached && !ended && Date.now() < deadline;) {
    reached = (await begun?.isCommitted()) ?? false;
    if (!reached) await sleep(5);
  }
  const startedAt = Date.now();
  api.kill();
  await sleep(20);
  api.toTemporal.restore();
  // The client retries at the other API until it has an answer.
  void acting?.catch(() => undefined);
  return { detail: `${api.name}, ${name}`, reached: reached && !ended, startedAt, endedAt: startedAt };
}

const create: Act = async (context, { db }) => {
  const name = `job-${randomUUID()}`;
  return {
    acting: createJob(context, name),
    isCommitted: () => exists(db.query('SELECT 1 FROM jobs WHERE name = $1', [name])),
  };
};

/** An operation on an existing job, whose commit increases its generation. */
const onJob =
  (
    wanted: (job: BenchJob) => boolean,
    act: (context: OperationContext, job: BenchJob) => Promise<void>,
    committed = 'SELECT 1 FROM jobs WHERE id = $1 AND generation > $2',
    before = 'SELECT generation AS mark FROM jobs WHERE id = $1',
  ): Act =>
  async (context, { db }) => {
    const free = context.jobs.filter((job) => !job.busy && !job.gone && wanted(job));
    if (free.length === 0) return undefined;
    const job = context.random.pick(free);
    const { rows } = await db.query<{ mark: number }>(before, [job.id]);
    const acting = withFreeJob([job], context.random, wanted, (taken) => act(context, taken));
    return {
      acting,
      isCommitted: () => exists(db.query(committed, [job.id, rows[0]?.mark ?? 0])),
    };
  };

const ACTS: Record<string, Act> = {
  create,
  pause: onJob(
    (job) => hasNoEnd(job) && !job.paused,
    (context, job) => setPaused(context, job, true),
  ),
  resume: onJob(
    (job) => hasNoEnd(job) && job.paused,
    (context, job) => setPaused(context, job, false),
  ),
  change: onJob(hasNoEnd, changeJob),
  delete: onJob(hasNoEnd, deleteJob),
  run: onJob(
    () => true,
    runJob,
    `SELECT 1 WHERE (SELECT count(*) FROM runs WHERE job_id = $1 AND trigger = 'manual') > $2`,
    `SELECT count(*)::integer AS mark FROM runs WHERE job_id = $1 AND trigger = 'manual'`,
  ),
};

const exists = (query: Promise<{ rowCount: number | null }>): Promise<boolean> =>
  query.then(
    ({ rowCount }) => rowCount === 1,
    () => false,
  );
