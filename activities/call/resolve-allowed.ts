import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { isIP } from 'node:net';
import { findForbidden, type AddressRule } from '../../platform/address-rules.ts';
import { ExchangeError, reasonOf } from './exchange.ts';

/** The address of a target is not one that may be called. */
export class ForbiddenAddressError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'ForbiddenAddressError';
  }
}

/** Finds all addresses of a name, as `lookup` of `node:dns` does. */
export type Resolve = (
  host: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * The addresses of a host that may be called: one in the URL as it stands, or all that its name has. One that may not be
 * called is enough to refuse the name.
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

/** Every address of a name. A resolver that takes too long is not waited for. */
export function lookUp(host: string, resolve: Resolve, signal: AbortSignal): Promise<string[]> {
  return new Promise((found, reject) => {
    const onAbort = () => reject(reasonOf(signal));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    resolve(host, { all: true }, (error, addresses) => {
      signal.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else found(addresses.map(({ address }) => address));
    });
  });
}

/** Tells whether a name is this machine's for itself, whatever DNS says (RFC 6761, 6.3). Pure. */
export const isLocalhost = (host: string) => /^(.+\.)?localhost\.?$/i.test(host);

const LOOPBACK = ['127.0.0.1', '::1'];

/**
 * `localhost` is this machine in both families (RFC 6761, 6.3), though the system may know one of them only. The other one
 * is called where that is allowed.
 */
function findLoopback(host: string, known: string[], rules: readonly AddressRule[]): string[] {
  if (!isLocalhost(host) || !known.some((address) => LOOPBACK.includes(address))) return [];
  return LOOPBACK.filter((address) => !known.includes(address) && !findForbidden(address, host, rules));
}
