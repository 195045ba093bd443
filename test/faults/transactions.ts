import type { Random } from '../support/random.ts';
import type { Tap } from './fault-proxy.ts';

/** One transaction of the code under test, known by its first two statements. */
export interface KnownTransaction {
  statements: string;
  seen: number;
  /** How often a process has died between its first statement and its commit. */
  died: number;
  /** The greatest number of statements that it was seen to have. */
  length: number;
}

/** A moment in a transaction at which a process has just died. */
interface TransactionDeath {
  process: string;
  /** The first two statements of the transaction. */
  statements: string;
  /** The number of statements that the process has sent; `commit` if it died instead of committing. */
  after: number | 'commit';
}

/** The transactions of all processes, by the messages that they send to Postgres. */
export interface TransactionWatch {
  /** The tap for a process. `die` must end it at once; it returns whether the current message still arrives. */
  tapOf: (process: string, die: () => boolean) => () => Tap;
  /** Lets the next process die that is in the transaction which has been died in least. Undefined after `timeoutMs`. */
  awaitDeath: (random: Random, timeoutMs: number) => Promise<TransactionDeath | undefined>;
  known: () => KnownTransaction[];
}

/** A transaction that is open on some connection. */
interface OpenTransaction {
  first: string[];
  /** Once it has as many statements as it is known by, or has ended. */
  known: KnownTransaction | undefined;
  length: number;
}

/** Where a process should die. `statements` is undefined for any transaction. */
interface Plan {
  statements: string | undefined;
  after: number;
  onDeath: (death: TransactionDeath) => void;
}

/** A transaction is known by so many statements, and so many characters of each. */
const KNOWN_BY = 2;
const KNOWN_CHARACTERS = 70;

/** Starts to watch. */
export function watchTransactions(): TransactionWatch {
  const known = new Map<string, KnownTransaction>();
  let plan: Plan | undefined;

  const note = (open: OpenTransaction, sql: string | undefined): void => {
    if (sql !== undefined) {
      open.length++;
      if (open.length <= KNOWN_BY)
        open.first.push(sql.replaceAll(/\s+/g, ' ').trim().slice(0, KNOWN_CHARACTERS));
    }
    if (!open.known && open.length > 0 && (sql === undefined || open.length === KNOWN_BY)) {
      const statements = open.first.join('; ');
      open.known = known.get(statements) ?? { statements, seen: 0, died: 0, length: 0 };
      known.set(statements, open.known);
      open.known.seen++;
    }
    if (open.known) open.known.length = Math.max(open.known.length, open.length);
  };
  const isPlanned = (open: OpenTransaction, isEnd: boolean): boolean =>
    plan !== undefined &&
    open.known !== undefined &&
    (plan.statements ?? open.known.statements) === open.known.statements &&
    (isEnd || open.length >= plan.after);

  const tapOf = (process: string, die: () => boolean) => (): Tap => {
    let open: OpenTransaction | undefined;
    const readStatements = createStatementReader();
    return (bytes) => {
      let isPassed = true;
      for (const sql of readStatements(bytes)) {
        if (/^\s*begin\b/i.test(sql)) {
          open = { first: [], known: undefined, length: 0 };
          continue;
        }
        if (!open) continue;
        const isEnd = /^\s*(commit|rollback)\b/i.test(sql);
        note(open, isEnd ? undefined : sql);
        if (open.known && isPlanned(open, isEnd)) {
          const { onDeath } = plan as Plan;
          plan = undefined;
          open.known.died++;
          const mayArrive = die();
          isPassed = mayArrive && !isEnd;
          const after = isEnd ? 'commit' : open.length;
          onDeath({ process, statements: open.known.statements, after });
        }
        if (isEnd) open = undefined;
      }
      return isPassed;
    };
  };

  const awaitDeath: TransactionWatch['awaitDeath'] = async (random, timeoutMs) => {
    const fewest = Math.min(...[...known.values()].map(({ died }) => died));
    const candidates = [...known.values()].filter(({ died }) => died === fewest);
    const chosen = candidates.length === 0 ? undefined : random.pick(candidates);
    const after = random.integer(1, (chosen?.length ?? 1) + 1);
    for (const statements of [chosen?.statements, undefined]) {
      const death = await new Promise<TransactionDeath | undefined>((resolve) => {
        const timer = setTimeout(() => {
          plan = undefined;
          resolve(undefined);
        }, timeoutMs);
        const onDeath = (found: TransactionDeath) => {
          clearTimeout(timer);
          resolve(found);
        };
        plan = { statements, after, onDeath };
      });
      if (death) return death;
    }
    return undefined;
  };

  return { tapOf, awaitDeath, known: () => [...known.values()] };
}

/** The length of a message includes its own four bytes, but not the byte of its type. */
const LENGTH_BYTES = 4;

/** Reads the statements from what a client of Postgres sends: simple queries, and executions of prepared ones. */
function createStatementReader(): (bytes: Buffer) => string[] {
  let rest: Buffer = Buffer.alloc(0);
  let isStarted = false;
  const prepared = new Map<string, string>();
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    const statements: string[] = [];
    for (;;) {
      // The first message of a connection has no type.
      const start = isStarted ? 1 : 0;
      if (rest.length < start + LENGTH_BYTES) return statements;
      const end = start + rest.readInt32BE(start);
      if (rest.length < end) return statements;
      const type = isStarted ? String.fromCharCode(rest[0] as number) : '';
      const texts = rest
        .toString('utf8', start + LENGTH_BYTES, end)
        .split('\0', 2)
        .concat('', '');
      const [first, second] = texts as [string, string];
      if (type === 'Q') statements.push(first);
      if (type === 'P') prepared.set(first, second);
      if (type === 'B') statements.push(prepared.get(second) ?? '');
      isStarted = true;
      rest = rest.subarray(end);
    }
  };
}
