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

/** So often a stream asks whether its caller may still read it. */
const CHECK_MS = 2 * SECOND_MS;
/** And ends by itself within this time, or is ended. */
const LINGER_MS = 500;

function endWhenRevoked(caller: Session, watch: RunEventWatch, stream: Readable): void {
  const timer = setInterval(() => {
    // Without a database the stream ends by itself.
    caller.isStillValid().then(
      (isValid) => {
        if (isValid) return;
        clearInterval(timer);
        watch.leave();
        // Who does not read does not see its end either.
        setTimeout(() => stream.destroy(), LINGER_MS).unref();
      },
      () => undefined,
    );
  }, CHECK_MS);
  stream.once('close', () => clearInterval(timer));
}

const EventId = z.string().regex(/^\d{1,15}$/, {
  error: 'is not the id of an event of this stream; leave it out to begin now',
});

export const streamRuns = operation({
  method: 'get',
  path: '/runs/stream',
  operationId: 'streamRuns',
  summary: 'Follow runs live',
  description: [
    'Server-sent events, as the HTML standard has them: one of the type `run` for everything that becomes of a run, in one order for all readers. A client that connects again with `Last-Event-ID` misses nothing, for a day; if it was away for longer, an event of the type `gap` says so before the events that are kept. Without it, the stream begins now.',
    '',
    `The \`data\` of each event is one line of JSON: a \`RunEvent\` of a \`run\`, a \`RunGap\` of a \`gap\`. The stream begins with \`retry: ${RETRY_MS}\`. Each \`run\` has its \`id\`; a \`gap\` has none. A stream that has been silent for ${KEEP_ALIVE_MS / SECOND_MS} seconds sends an \`id\` alone, which is no event, but the place from which a client that connects again goes on. There are no comments. It ends when its process ends, its key is revoked or its token expires.`,
  ].join('\n'),
  tag: 'Runs',
  access: 'runs:read',
  headers: z.object({
    'Last-Event-ID': EventId.optional().meta({
      description: 'The id of the last event that the client has; `EventSource` sends it by itself.',
      example: '4711',
    }),
  }),
  query: z.strictObject({
    jobId: JobIdParams.shape.id.optional().meta({
      description: 'Only runs of this job.',
      example: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
    }),
    lastEventId: EventId.optional().meta({
      description: 'The same as `Last-Event-ID`, for clients that can not set headers; the header wins.',
      example: '4711',
    }),
  }),
  answers: {
    200: {
      description:
        'Events for as long as the client listens. The schema is that of each event; its `data` is text that holds JSON.',
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
      throw new SchedulerError('unavailable', 'Too many clients follow runs at the moment; try again.');
    const latest = await watch.latest().catch((error: unknown) => {
      watch.leave();
      throw error;
    });
    const after = last === undefined ? undefined : Number(last);
    const of = { namespace, jobId };
    const events = streamRunEvents(dependencies, watch, { of, after, latest });
    const stream = Readable.from(events, { objectMode: false });
    // Also if nobody ever read from it.
    stream.once('close', watch.leave);
    endWhenRevoked(caller, watch, stream);
    watch.whileOpen(stream);
    return { status: 200, stream };
  },
});
