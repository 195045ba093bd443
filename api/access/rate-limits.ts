import ipaddr from 'ipaddr.js';
import { CompiledQuery } from 'kysely';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { Database } from '../../db/database.ts';
import type { Config } from '../../platform/config.ts';
import { requiresCredentials } from './safe-start.ts';

const WINDOW_SECONDS = 60;
/** Clients over their limit that a process remembers. */
const REMEMBERED = 10_000;

/** So many requests of one client are answered in a minute, if credentials are required and nothing else is said. */
const DEFAULTS = { reads: 6_000, writes: 1_200 };

/** Reads and writes are counted apart. */
export type RequestKind = keyof typeof DEFAULTS;

/** Where a client stands with its limit. */
interface Allowance {
  limit: number;
  windowSeconds: number;
  remaining: number;
  /** Whole seconds until the limit is whole again. */
  resetSeconds: number;
  isExceeded: boolean;
}

/** Counts a request of a client, in Postgres, so for all API processes together. Undefined: there is no limit. */
export type CountRequest = (kind: RequestKind, client: string) => Promise<Allowance | undefined>;

/** Limits of one minute that begins with a client's first request. Without Postgres each process counts by itself. */
export function createRateLimits(config: Config, db: Database): CountRequest {
  const defaults = requiresCredentials(config) ? DEFAULTS : { reads: 0, writes: 0 };
  const limiters = {
    reads: createLimiter('reads', config.RATE_LIMIT_READS_PER_MINUTE ?? defaults.reads, db),
    writes: createLimiter('writes', config.RATE_LIMIT_WRITES_PER_MINUTE ?? defaults.writes, db),
  };
  return async (kind, client) => limiters[kind]?.(client);
}

function createLimiter(kind: RequestKind, limit: number, db: Database) {
  if (limit === 0) return undefined;
  const options = { keyPrefix: kind, points: limit, duration: WINDOW_SECONDS };
  const limiter = new RateLimiterPostgres({
    ...options,
    storeClient: {
      // The name of the statement is left out: a pooler between may not know of prepared ones.
      query: ({ text, values }: { text: string; values: unknown[] }) =>
        db.executeQuery(CompiledQuery.raw(text, values)),
    },
    storeType: 'pool',
    tableName: 'rate_limits',
    tableCreated: true,
    insuranceLimiter: new RateLimiterMemory(options),
  });
  /** Who is over the limit, and until when, in milliseconds since the epoch: they cost no more statements. */
  const over = new Map<string, number>();
  return async (client: string): Promise<Allowance> => {
    const until = over.get(client) ?? 0;
    if (until > Date.now()) return toAllowance(limit, 0, until - Date.now(), true);
    const { result, isExceeded } = await limiter.consume(client).then(
      (consumed) => ({ result: consumed, isExceeded: false }),
      (rejected: unknown) => {
        if (rejected instanceof RateLimiterRes) return { result: rejected, isExceeded: true };
        throw rejected;
      },
    );
    if (isExceeded) {
      if (over.size >= REMEMBERED) over.clear();
      over.set(client, Date.now() + result.msBeforeNext);
    }
    return toAllowance(limit, result.remainingPoints, result.msBeforeNext, isExceeded);
  };
}

const toAllowance = (limit: number, remaining: number, resetMs: number, isExceeded: boolean): Allowance => ({
  limit,
  windowSeconds: WINDOW_SECONDS,
  remaining,
  resetSeconds: Math.max(1, Math.ceil(resetMs / 1_000)),
  isExceeded,
});

/** The name under which an address is counted: IPv6 users have a whole /64. Undefined for what is no address. */
export function clientOfAddress(text: string): string | undefined {
  // Some proxies write the port as well.
  const address = text.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^([\d.]+):\d+$/, '$1');
  if (!ipaddr.isValid(address)) return undefined;
  const parsed = ipaddr.process(address);
  const counted =
    parsed.kind() === 'ipv6' ? (parsed as ipaddr.IPv6).parts.slice(0, 4).join(':') : parsed.toString();
  return `address:${counted}`;
}
