import { Readable } from 'node:stream';
import { z } from 'zod';
import { findJobOrTombstone } from '../../db/jobs/jobs.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { RunEvent, RunGap } from '../../domain/run/run-event.ts';
import type { Session } from '../access/session.ts';
import { JobIdParams, noSuchJob } from '../rest/job-resource.ts';
import { operation } from '../rest/operation.ts';
import type { RunEventWatch } from '../stream/run-event-hub.ts';
import { KEEP_ALIVE_MS, RETRY_MS, streamRunEvents } from '../stream/run-event-stream.ts';

/** How often a stream checks whether its credentials are still valid. */
const CHECK_EVERY_MS = 2 * SECOND_MS;
/** A stream that has not ended by itself this long after it should is destroyed. */
const END_TIMEOUT_MS = 500;

function endWhenRevoked(caller: Session, watch: RunEventWatch, stream: Readable): void {
  const timer = setInterval(() => {
    // Errors are ignored: without the database, the stream ends by itself.
    caller.isStillValid().then(
      (isValid) => {
        if (isValid) return;
        clearInterval(timer);
        watch.leave();
        // A client that does not read would never see the end.
        setTimeout(() => stream.destroy(), END_TIMEOUT_MS).unref();
      },
      () => undefined,
    );
  }, CHECK_EVERY_MS);
  stream.once('close', () => clearInterval(timer));
}

const EventId = z.string().regex(/^\d{1,15}$/, {
  error: 'is not the id of an event of this stream; leave it out to begin now',
});

export const streamRuns = operation({
  method: 'get',
  path: '/runs/stream',
  operationId: 'streamRuns',
  summary: 'Stream the events of runs',
  description: [
    'Server-sent events (HTML standard): an event of the type `run` for each change of a run, in the same order for all clients. A client that reconnects with `Last-Event-ID` within a day misses nothing. If it was away for longer, an event of the type `gap` comes before the events that are left. Without `Last-Event-ID`, the stream begins now.',
    '',
    `The \`data\` of an event is one line of JSON: a \`RunEvent\` for \`run\`, a \`RunGap\` for \`gap\`. The stream begins with \`retry: ${RETRY_MS}\`. Each \`run\` has an \`id\`; a \`gap\` has none. After ${KEEP_ALIVE_MS / SECOND_MS} silent seconds the stream sends an \`id\` without an event; it is the position from which a client continues when it reconnects. There are no comments. The stream ends when its process ends, its key is revoked or its token expires.`,
  ].join('\n'),
  tag: 'Runs',
  access: 'runs:read',
  headers: z.object({
    'Last-Event-ID': EventId.optional().meta({
      description: 'The id of the last event that the client received. `EventSource` sends it by itself.',
      example: '4711',
    }),
  }),
  query: z.strictObject({
    jobId: JobIdParams.shape.id.optional().meta({
      description: 'Only runs of this job.',
      example: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
    }),
    lastEventId: EventId.optional().meta({
      description: 'The same as `Last-Event-ID`, for clients that cannot set headers. The header wins.',
      example: '4711',
    }),
  }),
  answers: {
    200: {
      description:
        'Events until the client disconnects. The schema is that of one event; its `data` is a string of JSON.',
      events: { run: { data: RunEvent, id: '4712' }, gap: { data: RunGap } },
    },
  },
  errors: ['not_found'],
  async handle({ headers, query, caller, namespace }, dependencies) {
    const { db, runEvents } = dependencies;
    const { jobId } = query;
    if (jobId !== undefined) {
      const job = await findJobOrTombstone(db, jobId);
      if (job?.namespace !== namespace) throw noSuchJob(jobId);
    }
    const last = headers['Last-Event-ID'] ?? query.lastEventId;
    const watch = runEvents.join(caller.client);
    if (!watch)
      throw new SchedulerError(
        'unavailable',
        'Too many clients are streaming runs at the moment; try again.',
      );
    const latest = await watch.latest().catch((error: unknown) => {
      watch.leave();
      throw error;
    });
    const after = last === undefined ? undefined : Number(last);
    const of = { namespace, jobId };
    const events = streamRunEvents(dependencies, watch, { of, after, latest });
    const stream = Readable.from(events, { objectMode: false });
    // Even if the client never reads, and the generator never runs.
    stream.once('close', watch.leave);
    endWhenRevoked(caller, watch, stream);
    watch.whileOpen(stream);
    return { status: 200, stream };
  },
});
