import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { reasonOf } from './exchange.ts';

/** An attempt that has not come through by then gets company (RFC 8305, 5, "Connection Attempt Delay"). */
const ATTEMPT_DELAY_MS = 250;
/** So many addresses of a name are tried; a name server can send thousands. */
const MAX_ATTEMPTS = 20;

/** How a connection is opened, and what becomes of the other addresses meanwhile. */
interface Attempt<Connection> {
  /** Rejects, and leaves nothing open, when its signal is aborted. */
  open: (address: string, signal: AbortSignal) => Promise<Connection>;
  /** How long an attempt is alone. */
  delayMs: number;
  /** Tells of an error whether it would be that of every other address. */
  isVain?: (error: Error) => boolean;
}

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
  const open = (host: string, whileWanted: AbortSignal) => connectTo(host, port, whileWanted);
  return openFirst(addresses, { open, delayMs: ATTEMPT_DELAY_MS }, signal);
}

/** The same of connections that are opened in another way. @throws AggregateError with what every attempt came to */
export function openFirst<Connection extends Duplex>(
  addresses: readonly string[],
  { open, delayMs, isVain = () => false }: Attempt<Connection>,
  signal: AbortSignal,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const waiting = alternate(addresses).slice(0, MAX_ATTEMPTS);
    const attempts = new AbortController();
    const errors: Error[] = [];
    let pending = 0;
    let timer: NodeJS.Timeout | undefined;

    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      attempts.abort();
    };
    const fail = (error: Error) => {
      end();
      reject(error);
    };
    const onAbort = () => fail(reasonOf(signal));
    const tryNext = () => {
      clearTimeout(timer);
      const address = waiting.shift();
      if (address === undefined) {
        if (pending === 0) fail(new AggregateError(errors));
        return;
      }
      pending += 1;
      open(address, attempts.signal).then(
        (connection) => {
          if (attempts.signal.aborted) return void connection.destroy();
          end();
          resolve(connection);
        },
        (error: Error) => {
          pending -= 1;
          if (attempts.signal.aborted) return;
          errors.push(error);
          if (isVain(error)) fail(error);
          else tryNext();
        },
      );
      timer = setTimeout(tryNext, delayMs);
    };

    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    tryNext();
  });
}

function connectTo(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });
    const end = () => signal.removeEventListener('abort', onAbort);
    const fail = (error: Error) => {
      end();
      reject(error);
    };
    const onAbort = () => {
      socket.destroy();
      fail(reasonOf(signal));
    };
    socket
      .once('connect', () => {
        end();
        resolve(socket);
      })
      .on('error', fail);
    signal.addEventListener('abort', onAbort, { once: true });
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
