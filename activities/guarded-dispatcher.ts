import { lookup as resolve, type LookupAddress, type LookupOptions } from 'node:dns';
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

type LookupCallback = (error: Error | null, addresses: LookupAddress[] | string, family?: number) => void;

/**
 * A dispatcher that connects to allowed addresses only (`findForbidden`). An address in the URL is checked as it
 * stands; a name is resolved first, all of its addresses are checked, and the connection goes to those very addresses, so that
 * a name that changes in between gains nothing.
 */
export function createGuardedDispatcher(rules: readonly AddressRule[]): Agent {
  const lookup = (host: string, options: LookupOptions, callback: LookupCallback) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      for (const { address } of addresses) {
        const reason = findForbidden(address, host, rules);
        if (reason) return callback(new ForbiddenAddressError(`${host}: ${reason}`), []);
      }
      const [first] = addresses;
      if (options.all) callback(null, addresses);
      else callback(null, first?.address ?? '', first?.family);
    });
  };
  const connect = buildConnector({ lookup, timeout: 10_000 });
  return new Agent({
    connect(options, callback) {
      // A literal address is never looked up, so the hook above would not see it.
      const host = options.hostname.replace(/^\[|\]$/g, '');
      const reason = isIP(host) ? findForbidden(host, host, rules) : undefined;
      if (reason) callback(new ForbiddenAddressError(reason), null);
      else connect(options, callback);
    },
  });
}
