import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { isIP } from 'node:net';
import { findForbidden, type AddressRule } from '../../platform/address-rules.ts';
import { abortReason, ExchangeError } from './exchange.ts';

/** The SSRF guard forbids the address or the name of a target. */
export class ForbiddenAddressError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'ForbiddenAddressError';
  }
}

/** Resolves a name to all of its addresses, as `lookup` of `node:dns` does. */
export type Resolve = (
  host: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * The SSRF guard: resolves a host, and checks each of its addresses against the rules of
 * platform/address-rules.ts (private, link-local, metadata services and so on). One forbidden address
 * is enough to refuse the name. The caller connects to one of the returned addresses, and never
 * resolves the name again, so DNS rebinding gains nothing.
 * @throws ForbiddenAddressError, or the error of the resolver
 */
export async function resolveAllowed(
  host: string,
  rules: readonly AddressRule[],
  resolve: Resolve,
  signal: AbortSignal,
): Promise<string[]> {
  if (isIP(host)) {
    const reason = findForbidden(host, host, rules);
    if (reason) throw new ForbiddenAddressError(reason);
    return [host];
  }
  const addresses = await lookUp(host, resolve, signal);
  if (addresses.length === 0) throw new ExchangeError(`the name ${shorten(host)} has no address`);
  for (const address of addresses) {
    const reason = findForbidden(address, host, rules);
    if (reason) throw new ForbiddenAddressError(host.length > 100 ? reason : `${host}: ${reason}`);
  }
  return [...addresses, ...findLoopback(host, addresses, rules)];
}

const shorten = (host: string) => (host.length > 100 ? `${host.slice(0, 100)}…` : host);

/**
 * Resolves a name without checking its addresses. Rejects when the signal is aborted, even if the
 * resolver hangs.
 */
export function lookUp(host: string, resolve: Resolve, signal: AbortSignal): Promise<string[]> {
  return new Promise((found, reject) => {
    const onAbort = () => reject(abortReason(signal));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    resolve(host, { all: true }, (error, addresses) => {
      signal.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else found(addresses.map(({ address }) => address));
    });
  });
}

/** Tells whether a name means this machine, whatever DNS says (RFC 6761, 6.3). Pure. */
export const isLocalhost = (host: string) => /^(.+\.)?localhost\.?$/i.test(host);

const LOOPBACK = ['127.0.0.1', '::1'];

/**
 * `localhost` has an address in both families (RFC 6761, 6.3), though the system may know only one.
 * Adds the other if it is allowed.
 */
function findLoopback(host: string, known: string[], rules: readonly AddressRule[]): string[] {
  if (!isLocalhost(host) || !known.some((address) => LOOPBACK.includes(address))) return [];
  return LOOPBACK.filter((address) => !known.includes(address) && !findForbidden(address, host, rules));
}
