import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../db/database.ts';
import { findLastPlace, placeEvents } from '../../db/runs/run-events.ts';
import type { Logger } from '../../platform/logger.ts';
import { createKeyedMutex } from '../../platform/keyed-mutex.ts';

/** Watches the log of runs on behalf of all readers of this process, as long as there are any. */
export interface RunEventHub {
  /** Joins the readers; undefined if there are too many already, of this client or of all. */
  join: (client: string) => RunEventWatch | undefined;
  /** How many readers there are. */
  countReaders: () => number;
  /** Breaks off streams that have not ended by themselves: their clients do not read. */
  abortStreams: () => void;
}

/** What one reader knows of the log. */
export interface RunEventWatch {
  /** The last place, once all that had happened before this question is in its place. @throws what the database throws */
  latest: () => Promise<number>;
  /** Resolves with the last place when it is beyond this one, when so much time has passed, or when the process is to end. */
  beyond: (place: number, timeoutMs: number) => Promise<number>;
  /** Reads for one reader after another, so that many of them leave connections to others. */
  oneAtATime: <Result>(read: () => Promise<Result>) => Promise<Result>;
  /** Whether this reader has left, or the process is to end: there is no use in reading on. */
  isOver: () => boolean;
  /** Says how to break off the reader's stream, as long as it is open. */
  whileOpen: (stream: Readable) => void;
  /** Makes room for another reader, and lets what waits for this one go on. */
  leave: () => void;
}

const PERIOD_MS = 200;
/** Given their places in one statement. */
const BATCH = 5_000;
const MAX_READERS = 1_000;
/** Of one client, so that none takes the place of all others. */
const MAX_READERS_OF_CLIENT = 100;

/** Polls Postgres, for that works through every pooler; LISTEN does not. */
export function createRunEventHub(dependencies: {
  db: Database;
  logger: Logger;
  isStopping: () => boolean;
}): RunEventHub {
  const { db, logger, isStopping } = dependencies;
  const queue = createKeyedMutex();
  const open = new Set<Readable>();
  const readersOf = new Map<string, number>();
  let readers = 0;
  let isWatching = false;
  let last = 0;
  /** Who waits for the end of a round: what was there at its beginning is then in its place, unless it failed. */
  let waiting: ((failure: Error | undefined) => void)[] = [];

  const round = async () => {
    while ((await placeEvents(db, BATCH)) === BATCH);
    last = await findLastPlace(db);
  };
  const watch = async () => {
    isWatching = true;
    while (readers > 0) {
      let failure: Error | undefined;
      try {
        await round();
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
        logger.debug({ err: error }, 'could not read the log of runs');
      }
      tellAll(failure);
      await sleep(PERIOD_MS);
    }
    isWatching = false;
    tellAll();
  };
  const tellAll = (failure?: Error) => {
    const told = waiting;
    waiting = [];
    for (const tell of told) tell(failure);
  };
  const nextRound = () => new Promise<Error | undefined>((resolve) => void waiting.push(resolve));

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
      if (!isWatching) void watch();
      let hasLeft = false;
      const isOver = () => hasLeft || isStopping();
      return {
        oneAtATime: (read) => queue('events', read),
        whileOpen: (stream) => {
          open.add(stream);
          stream.once('close', () => open.delete(stream));
        },
        latest: async () => {
          // The round that is under way may have begun before the question.
          await nextRound();
          const failure = await nextRound();
          if (failure !== undefined) throw failure;
          return last;
        },
        beyond: async (place, timeoutMs) => {
          const deadline = Date.now() + timeoutMs;
          while (last <= place && Date.now() < deadline && !isOver()) await nextRound();
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
