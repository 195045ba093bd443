import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A listener that nobody should reach, and that knows if somebody did. */
export interface CountingListener {
  port: number;
  /** For each connection, the address of this machine at which it arrived; a mapped one is shown as IPv4. */
  reachedAt: string[];
  stop: () => Promise<void>;
}

/** Listens on one port of all addresses of this machine, in IPv4 and, where there is one, IPv6; answers 200. */
export async function startCountingListener(): Promise<CountingListener> {
  const reachedAt: string[] = [];
  // Each call needs a connection of its own, so that each is checked.
  const server = createServer((_request, response) =>
    response.setHeader('connection', 'close').end('reached'),
  );
  server.on('connection', (socket) => {
    reachedAt.push((socket.localAddress ?? '').replace(/^::ffff:/, ''));
  });
  const listen = (host: string) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, host, () => resolve());
    });
  await listen('::').catch(() => listen('0.0.0.0'));
  return {
    port: (server.address() as AddressInfo).port,
    reachedAt,
    stop: () => new Promise((stopped) => void server.close(() => stopped()).closeAllConnections()),
  };
}
