import { reasonCodeOf } from '../../domain/run/reasons.ts';
import type { Database } from '../../db/database.ts';
import { findPlaces, listRunEvents, type PlacedRunEvent } from '../../db/runs/run-events.ts';
import { toInstant } from '../../domain/instant.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { RunEvent, RunGap } from '../../domain/run/run-event.ts';
import type { Logger } from '../../platform/logger.ts';
import type { RunEventWatch } from './run-event-hub.ts';

/** Events of one query. A slow reader holds one page in memory, besides what its connection buffers. */
const PAGE = 100;
/** A silent stream sends something this often, so that proxies do not close it as idle. */
export const KEEP_ALIVE_MS = 15 * SECOND_MS;
/** How long a client waits before it reconnects. */
export const RETRY_MS = 2 * SECOND_MS;

/** The events that a reader wants. */
export interface Reading {
  of: { namespace: string; jobId?: string | undefined };
  /** The last place when the stream began. */
  latest: number;
  /** The id of the last event that the client has; undefined: the stream begins now. */
  after: number | undefined;
}

/**
 * The events of runs as server-sent events (HTML standard), read page by page, as fast as the client takes them. Ends when
 * the process shuts down or cannot reach the database. A client that then reconnects misses nothing.
 */
export async function* streamRunEvents(
  { db, logger }: { db: Database; logger: Logger },
  watch: Pick<RunEventWatch, 'beyond' | 'isOver' | 'oneAtATime'>,
  { of, after, latest }: Reading,
): AsyncGenerator<string> {
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    let seen = latest;
    let place = after ?? latest;
    if (after !== undefined && (await isGone(db, after))) {
      yield writeGap(after);
      place = Math.min(after, seen);
    }
    let sentAt = Date.now();
    while (!watch.isOver()) {
      const events = await watch.oneAtATime(() => listRunEvents(db, of, place, PAGE));
      for (const event of events) {
        place = event.place;
        yield writeEvent(event);
        sentAt = Date.now();
      }
      if (events.length === PAGE) continue;
      // Everything up to `seen` has been read, events for other readers included. A client that reconnects continues here.
      place = Math.max(place, seen);
      // Even if there are new events, but none for this reader.
      if (Date.now() - sentAt >= KEEP_ALIVE_MS) {
        yield `id: ${place}\n\n`;
        sentAt = Date.now();
      }
      seen = await watch.beyond(place, KEEP_ALIVE_MS);
    }
  } catch (error) {
    logger.warn({ err: error }, 'a stream of runs ended early');
  }
}

/** Tells whether events after this place have been deleted, or there never was such a place. */
async function isGone(db: Database, after: number): Promise<boolean> {
  const { first, last } = await findPlaces(db);
  return after > last || (first === 0 ? after < last : after < first - 1);
}

function writeGap(after: number): string {
  const gap: RunGap = {
    message: `events after ${after} are not kept any more; GET /runs shows the runs as they are now`,
  };
  return `event: gap\ndata: ${JSON.stringify(gap)}\n\n`;
}

function writeEvent({ place, at, runId, jobId, run }: PlacedRunEvent): string {
  const { lastAttempt: attempt, occurrences = null } = run;
  const event: RunEvent = {
    at: toInstant(at.getTime()),
    runId,
    jobId,
    trigger: run.trigger,
    scheduledAt: toInstant(Date.parse(run.scheduledAt)),
    state: run.state,
    reason: run.reason,
    reasonCode: reasonCodeOf({ ...run, reasonCode: run.reasonCode }),
    cancelRequestedAt: run.cancelRequestedAt === null ? null : toInstant(Date.parse(run.cancelRequestedAt)),
    occurrences: occurrences && {
      from: toInstant(Date.parse(occurrences.from)),
      to: toInstant(Date.parse(occurrences.to)),
      count: occurrences.count,
    },
    attempts: run.attempts,
    lastAttempt: attempt && {
      number: attempt.number,
      outcome: attempt.outcome,
      statusCode: attempt.statusCode,
      error: attempt.error,
      retryAt: attempt.retryAt ?? null,
    },
  };
  return `id: ${place}\nevent: run\ndata: ${JSON.stringify(event)}\n\n`;
}
