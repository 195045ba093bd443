import { lookup, type LookupAddress, type LookupAllOptions, type LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { findForbidden, type AddressRule } from '../platform/address-rules.ts';

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

type LookupCallback = (error: Error | null, addresses: LookupAddress[] | string, family?: number) => void;

/**
 * A dispatcher that connects to allowed addresses only (`findForbidden`), and over TCP only. An address in the URL is
 * checked as it stands; a name is resolved once, all of its addresses are checked, and the connection goes to those very
 * addresses, so that a name that changes in between gains nothing.
 */
export function createGuardedDispatcher(rules: readonly AddressRule[], resolve: Resolve = lookup): Agent {
  const guardedLookup = (host: string, options: LookupOptions, callback: LookupCallback) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const [first] = addresses;
      if (!first) return callback(new Error(`the name ${host} has no address`), []);
      for (const { address } of addresses) {
        const reason = findForbidden(address, host, rules);
        if (reason)
          return callback(new ForbiddenAddressError(host.length > 100 ? reason : `${host}: ${reason}`), []);
      }
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
  const connect = buildConnector({ lookup: guardedLookup, timeout: 10_000 });
  return new Agent({
    connect(options, callback) {
      const host = options.hostname.replace(/^\[|\]$/g, '');
      // The name that TLS asks for has no dot at its end (RFC 6066, 3), though the one in the URL may have one.
      if (!isIP(host)) return connect({ ...options, servername: host.replace(/\.$/, '') }, callback);
      // A literal address is never looked up, so the hook above would not see it.
      const reason = findForbidden(host, host, rules);
      if (reason) callback(new ForbiddenAddressError(reason), null);
      else connect(options, callback);
    },
  });
}
