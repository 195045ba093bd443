import type { Resolve } from '../../activities/call/ssrf-guard.ts';

/** A resolver that returns these addresses for every name. */
export const resolveTo =
  (...addresses: string[]): Resolve =>
  (_host, _options, callback) =>
    setImmediate(
      callback,
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
