import { reasonCodeOf } from '../../domain/run/reasons.ts';
import type { Database } from '../../db/database.ts';
import { findPlaces, listRunEvents, type PlacedRunEvent } from '../../db/runs/run-events.ts';
import { toInstant } from '../../domain/instant.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { RunEvent, RunGap } from '../../domain/run/run-event.ts';
import type { Logger } from '../../platform/logger.ts';
import type { RunEventWatch } from './run-event-hub.ts';

/** Events of one page. A reader that is slow holds no more than one page, and what its connection buffers. */
const PAGE = 100;
/** So often a silent stream says something, so that nobody on the way takes it for dead. */
export const KEEP_ALIVE_MS = 15 * SECOND_MS;
/** What a client waits before it connects again. */
export const RETRY_MS = 2 * SECOND_MS;

/** What a reader reads. */
export interface Reading {
  of: { namespace: string; jobId?: string | undefined };
  /** The last place when it began. */
  latest: number;
  /** The id of the last event that it has; undefined: it begins with what comes now. */
  after: number | undefined;
}

/**
 * Server-sent events, as the HTML standard has them, from the log of runs: read page by page, as fast as the reader takes
 * them. Ends when the process is to end, or can not reach the database; a client then connects again, and misses nothing.
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
    let said = Date.now();
    while (!watch.isOver()) {
      const events = await watch.oneAtATime(() => listRunEvents(db, of, place, PAGE));
      for (const event of events) {
        place = event.place;
        yield writeEvent(event);
        said = Date.now();
      }
      if (events.length === PAGE) continue;
      // All up to here has been read, also what is for others: a client that connects again begins from here.
      place = Math.max(place, seen);
      // Also when there is news, but none for this reader.
      if (Date.now() - said >= KEEP_ALIVE_MS) {
        yield `id: ${place}\n\n`;
        said = Date.now();
      }
      seen = await watch.beyond(place, KEEP_ALIVE_MS);
    }
  } catch (error) {
    logger.warn({ err: error }, 'a stream of runs was broken off');
  }
}

/** Tells whether events after this place have been removed, or the place is none of this log. */
async function isGone(db: Database, after: number): Promise<boolean> {
  const { first, last } = await findPlaces(db);
  return after > last || (first === 0 ? after < last : after < first - 1);
}

function writeGap(after: number): string {
  const gap: RunGap = {
    message: `events after ${after} are not kept any more; GET /runs tells what became of the runs meanwhile`,
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
