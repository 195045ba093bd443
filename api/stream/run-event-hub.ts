import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../db/database.ts';
import { findLastPlace, placeEvents } from '../../db/runs/run-events.ts';
import type { Logger } from '../../platform/logger.ts';
import { createKeyedMutex } from '../../platform/keyed-mutex.ts';

/** Polls the events of runs for all readers of this process, as long as there are any. */
export interface RunEventHub {
  /** Adds a reader; undefined if this client, or all clients together, have too many. */
  join: (client: string) => RunEventWatch | undefined;
  countReaders: () => number;
  /** Destroys the streams that are still open. At shutdown, those are of clients that do not read. */
  abortStreams: () => void;
}

/** The view of one reader on the events. An event's place is its position in the one order that all readers see. */
export interface RunEventWatch {
  /** The last place, once all events from before this call have theirs. @throws what the database throws */
  latest: () => Promise<number>;
  /** Resolves with the last place, when that is beyond `place`, after `timeoutMs`, or at shutdown. */
  beyond: (place: number, timeoutMs: number) => Promise<number>;
  /** Runs the queries of all readers one at a time, so that they leave connections to requests. */
  oneAtATime: <Result>(read: () => Promise<Result>) => Promise<Result>;
  /** Tells whether this reader has left, or the process is shutting down. */
  isOver: () => boolean;
  /** Registers the stream of the reader for `abortStreams`, until it closes. */
  whileOpen: (stream: Readable) => void;
  /** Removes the reader. `beyond` then resolves soon. */
  leave: () => void;
}

const POLL_EVERY_MS = 200;
/** Events that get their places in one statement. */
const BATCH = 5_000;
const MAX_READERS = 1_000;
/** So that one client cannot keep out all others. */
const MAX_READERS_OF_CLIENT = 100;

/** Polls Postgres, which works through every connection pooler; LISTEN does not. */
export function createRunEventHub(dependencies: {
  db: Database;
  logger: Logger;
  isStopping: () => boolean;
}): RunEventHub {
  const { db, logger, isStopping } = dependencies;
  const mutex = createKeyedMutex();
  const open = new Set<Readable>();
  const readersOf = new Map<string, number>();
  let readers = 0;
  let isPolling = false;
  let last = 0;
  /** Called at the end of a poll. All events from before it then have their places, unless it failed. */
  let waiting: ((failure: Error | undefined) => void)[] = [];

  const poll = async () => {
    while ((await placeEvents(db, BATCH)) === BATCH);
    last = await findLastPlace(db);
  };
  const pollWhileRead = async () => {
    isPolling = true;
    while (readers > 0) {
      let failure: Error | undefined;
      try {
        await poll();
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
        logger.debug({ err: error }, 'could not read the events of runs');
      }
      resolveWaiting(failure);
      await sleep(POLL_EVERY_MS);
    }
    isPolling = false;
    resolveWaiting();
  };
  const resolveWaiting = (failure?: Error) => {
    const resolved = waiting;
    waiting = [];
    for (const resolve of resolved) resolve(failure);
  };
  const nextPoll = () => new Promise<Error | undefined>((resolve) => void waiting.push(resolve));

  return {
    countReaders: () => readers,
    abortStreams: () => {
      for (const stream of open) stream.destroy();
    },
    join: (client) => {
      const own = readersOf.get(client) ?? 0;
      if (readers >= MAX_READERS || own >= MAX_READERS_OF_CLIENT) return undefined;
      readers++;
      readersOf.set(client, own + 1);
      if (!isPolling) void pollWhileRead();
      let hasLeft = false;
      const isOver = () => hasLeft || isStopping();
      return {
        oneAtATime: (read) => mutex('events', read),
        whileOpen: (stream) => {
          open.add(stream);
          stream.once('close', () => open.delete(stream));
        },
        latest: async () => {
          // The current poll may have begun before this call.
          await nextPoll();
          const failure = await nextPoll();
          if (failure !== undefined) throw failure;
          return last;
        },
        beyond: async (place, timeoutMs) => {
          const deadline = Date.now() + timeoutMs;
          while (last <= place && Date.now() < deadline && !isOver()) await nextPoll();
          return last;
        },
        isOver,
        leave: () => {
          if (hasLeft) return;
          hasLeft = true;
          readers--;
          const left = (readersOf.get(client) ?? 1) - 1;
          if (left === 0) readersOf.delete(client);
          else readersOf.set(client, left);
        },
      };
    },
  };
}
