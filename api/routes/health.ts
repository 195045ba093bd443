import { z } from 'zod';
import type { Database } from '../../db/database.ts';
import { pingDatabase } from '../../db/unavailable.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { atMostEvery } from '../../platform/at-most-every.ts';
import { operation, type ApiDependencies } from '../rest/operation.ts';

const Live = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Live', example: { status: 'ok' } });

const Part = z.enum(['up', 'down']);
const Readiness = z
  .strictObject({
    status: z.enum(['ready', 'degraded', 'unavailable', 'stopping']).meta({
      description:
        'degraded: jobs are accepted, and scheduled once Temporal is back. unavailable: without Postgres nothing works. stopping: this process ends as soon as it has answered what is under way.',
    }),
    postgres: Part,
    temporal: Part,
  })
  .meta({ id: 'Readiness', example: { status: 'ready', postgres: 'up', temporal: 'up' } });

const CHECK_DEADLINE_MS = 2_000;

async function isUp(check: Promise<unknown>): Promise<z.infer<typeof Part>> {
  const late = new Promise((_, reject) =>
    setTimeout(() => reject(new Error('too late')), CHECK_DEADLINE_MS).unref(),
  );
  return Promise.race([check, late]).then(
    () => 'up',
    () => 'down',
  );
}

type Parts = Promise<[postgres: z.infer<typeof Part>, temporal: z.infer<typeof Part>]>;
const checks = new WeakMap<Database, () => Parts>();

/** What is up, as of a second ago at most: everybody may ask, as often as they like, and it must not cost more. */
function checkParts({ db, temporal }: Pick<ApiDependencies, 'db' | 'temporal'>): Parts {
  const askTemporal = () =>
    temporal.withDeadline(Date.now() + CHECK_DEADLINE_MS, () => temporal.workflowService.getSystemInfo({}));
  const check =
    checks.get(db) ??
    atMostEvery(SECOND_MS, () => Promise.all([isUp(pingDatabase(db)), isUp(askTemporal())]));
  checks.set(db, check);
  return check();
}

export const live = operation({
  method: 'get',
  path: '/livez',
  operationId: 'live',
  summary: 'Tell whether the process is alive',
  tag: 'Health',
  access: 'public',
  needsStorage: false,
  answers: { 200: { description: 'It is.', schema: Live } },
  async handle() {
    return { status: 200, body: { status: 'ok' } };
  },
});

export const ready = operation({
  method: 'get',
  path: '/readyz',
  operationId: 'ready',
  summary: 'Tell whether the process can serve requests',
  tag: 'Health',
  access: 'public',
  needsStorage: false,
  answers: {
    200: { description: 'It can, if need be without Temporal.', schema: Readiness },
    503: { description: 'It can not: Postgres is away, or the process ends.', schema: Readiness },
  },
  async handle(_, dependencies) {
    const [postgresState, temporalState] = await checkParts(dependencies);
    const status = dependencies.isStopping()
      ? 'stopping'
      : postgresState === 'down'
        ? 'unavailable'
        : temporalState === 'down'
          ? 'degraded'
          : 'ready';
    return {
      status: status === 'ready' || status === 'degraded' ? 200 : 503,
      body: { status, postgres: postgresState, temporal: temporalState },
    };
  },
});
