import { z } from 'zod';
import { operation } from '../rest/operation.ts';

const Live = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Live', example: { status: 'ok' } });

const UpOrDown = z.enum(['up', 'down']);
const Readiness = z
  .strictObject({
    status: z.enum(['ready', 'degraded', 'unavailable', 'stopping']).meta({
      description:
        'degraded: jobs are accepted, and scheduled once Temporal is back. unavailable: nothing works without Postgres. stopping: this process answers the requests in flight, and then ends.',
    }),
    postgres: UpOrDown,
    temporal: UpOrDown,
  })
  .meta({ id: 'Readiness', example: { status: 'ready', postgres: 'up', temporal: 'up' } });

export const live = operation({
  method: 'get',
  path: '/livez',
  operationId: 'live',
  summary: 'Liveness probe',
  tag: 'Health',
  access: 'public',
  needsStorage: false,
  answers: { 200: { description: 'The process is alive.', schema: Live } },
  async handle() {
    return { status: 200, body: { status: 'ok' } };
  },
});

export const ready = operation({
  method: 'get',
  path: '/readyz',
  operationId: 'ready',
  summary: 'Readiness probe',
  description: 'Tells whether this process can serve requests, and which of its servers it reaches.',
  tag: 'Health',
  access: 'public',
  needsStorage: false,
  answers: {
    200: { description: 'The process serves requests, perhaps without Temporal.', schema: Readiness },
    503: { description: 'Postgres is down, or the process is stopping.', schema: Readiness },
  },
  async handle(_, { checkHealth, isStopping }) {
    const health = await checkHealth();
    const status = isStopping()
      ? 'stopping'
      : health.postgres === 'down'
        ? 'unavailable'
        : health.temporal === 'down'
          ? 'degraded'
          : 'ready';
    return {
      status: status === 'ready' || status === 'degraded' ? 200 : 503,
      body: { status, ...health },
    };
  },
});
