import { connect, type Socket } from 'node:net';
import { reasonOf } from './exchange.ts';

/** An attempt that has not come through by then gets company (RFC 8305, 5, "Connection Attempt Delay"). */
const ATTEMPT_DELAY_MS = 250;
/** So many addresses of a name are tried; a name server can send thousands. */
const MAX_ATTEMPTS = 20;

/**
 * Connects to whichever of some addresses answers first (Happy Eyeballs, RFC 8305): one after another, without waiting
 * long for any, and without giving up on the slow ones. Takes as long as the signal lets it.
 * @throws AggregateError with what every attempt came to
 */
export function connectFirst(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = alternate(addresses).slice(0, MAX_ATTEMPTS);
    const pending = new Set<Socket>();
    const errors: Error[] = [];
    let timer: NodeJS.Timeout | undefined;

    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      for (const socket of pending) socket.destroy();
    };
    const fail = (error: Error) => {
      end();
      reject(error);
    };
    const onAbort = () => fail(reasonOf(signal));
    const tryNext = () => {
      clearTimeout(timer);
      const host = waiting.shift();
      if (host === undefined) {
        if (pending.size === 0) fail(new AggregateError(errors));
        return;
      }
      const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });
      pending.add(socket);
      socket
        .once('connect', () => {
          pending.delete(socket);
          end();
          resolve(socket);
        })
        .on('error', (error) => {
          if (!pending.delete(socket)) return;
          errors.push(error);
          tryNext();
        });
      timer = setTimeout(tryNext, ATTEMPT_DELAY_MS);
    };

    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    tryNext();
  });
}

/** The two families in turn, beginning with the one that the system puts first (RFC 8305, 4). */
function alternate(addresses: readonly string[]): string[] {
  const isSix = (address: string) => address.includes(':');
  const [first = ''] = addresses;
  const same = addresses.filter((address) => isSix(address) === isSix(first));
  const other = addresses.filter((address) => isSix(address) !== isSix(first));
  return Array.from({ length: Math.max(same.length, other.length) }, (_, index) => [
    same[index],
    other[index],
  ])
    .flat()
    .filter((address) => address !== undefined);
}
