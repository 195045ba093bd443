import ipaddr from 'ipaddr.js';
import { CompiledQuery } from 'kysely';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { Database } from '../../db/database.ts';
import type { Config } from '../../platform/config.ts';
import { requiresCredentials } from './safe-start.ts';

const WINDOW_SECONDS = 60;
/** How many clients over their limit a process remembers. */
const MAX_REMEMBERED = 10_000;

/** Requests of one client a minute, where credentials are required and no variable sets another limit. */
const DEFAULT_LIMITS = { reads: 6_000, writes: 1_200 };

/** Reads and writes have limits of their own. */
export type RequestKind = keyof typeof DEFAULT_LIMITS;

/** What a client has left of its limit. */
interface Allowance {
  limit: number;
  windowSeconds: number;
  remaining: number;
  /** Whole seconds until the window ends. */
  resetSeconds: number;
  isExceeded: boolean;
}

/** Counts a request of a client, in Postgres and so across all API processes. Undefined: there is no limit. */
export type CountRequest = (kind: RequestKind, client: string) => Promise<Allowance | undefined>;

/**
 * Rate limits with windows of one minute, each beginning with a client's first request. While Postgres is away, each
 * process counts for itself.
 */
export function createRateLimits(config: Config, db: Database): CountRequest {
  const defaults = requiresCredentials(config) ? DEFAULT_LIMITS : { reads: 0, writes: 0 };
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
      // Without the name of the statement, because connection poolers may not support prepared statements.
      query: ({ text, values }: { text: string; values: unknown[] }) =>
        db.executeQuery(CompiledQuery.raw(text, values)),
    },
    storeType: 'pool',
    tableName: 'rate_limits',
    tableCreated: true,
    insuranceLimiter: new RateLimiterMemory(options),
  });
  /** Clients over their limit, and until when, in milliseconds since the epoch. They cost no queries. */
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
      if (over.size >= MAX_REMEMBERED) over.clear();
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

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** An address as a proxy or a socket names it; undefined if it is none. IPv4 in IPv6 is IPv4. Pure. */
export function parseAddress(text: string): Address | undefined {
  // Some proxies append the port.
  const address = text.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^([\d.]+):\d+$/, '$1');
  return ipaddr.isValid(address) ? ipaddr.process(address) : undefined;
}

/** The client that an address counts for. IPv6 counts by /64, because users have whole ones. Pure. */
export function clientOfAddress(address: Address): string {
  const counted =
    address.kind() === 'ipv6' ? (address as ipaddr.IPv6).parts.slice(0, 4).join(':') : address.toString();
  return `address:${counted}`;
}
