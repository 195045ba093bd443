import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { abortReason } from './exchange.ts';

/** The "Connection Attempt Delay" of RFC 8305, 5. */
const CONNECTION_ATTEMPT_DELAY_MS = 250;
/** Addresses of a name that are tried. A name server can send thousands. */
const MAX_ADDRESSES = 20;

/** How connections are opened, and when the next address is tried. */
interface ConnectionAttempts<Connection> {
  /** Must reject and leave nothing open when its signal is aborted. */
  open: (address: string, signal: AbortSignal) => Promise<Connection>;
  /** Milliseconds before the next address is tried as well. */
  delayMs: number;
  /** Tells whether every other address would fail with the same error. */
  isFinal?: (error: Error) => boolean;
}

/**
 * Connects over TCP to the first of several addresses that accepts (Happy Eyeballs, RFC 8305): starts
 * with one, adds the next after a short delay or a failure, and closes the losers. Has no timeout but
 * the signal.
 * @throws AggregateError with the error of each address
 */
export function connectFirst(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  const open = (host: string, attemptSignal: AbortSignal) => connectTo(host, port, attemptSignal);
  return openFirst(addresses, { open, delayMs: CONNECTION_ATTEMPT_DELAY_MS }, signal);
}

/** Happy Eyeballs for connections that `open` opens. @throws AggregateError with the error of each address */
export function openFirst<Connection extends Duplex>(
  addresses: readonly string[],
  { open, delayMs, isFinal = () => false }: ConnectionAttempts<Connection>,
  signal: AbortSignal,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const waiting = alternate(addresses).slice(0, MAX_ADDRESSES);
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
    const onAbort = () => fail(abortReason(signal));
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
          if (isFinal(error)) fail(error);
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
      fail(abortReason(signal));
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

/** Alternates between the two families, and starts with the one that the system puts first (RFC 8305, 4). */
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
