import type { Resolve } from '../../activities/call/ssrf-guard.ts';

/** Stands for the resolver of a process: every name has these addresses. */
export const resolveTo =
  (...addresses: string[]): Resolve =>
  (_host, _options, callback) =>
    setImmediate(
      callback,
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
