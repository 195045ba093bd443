import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A listener that counts its connections. */
export interface CountingListener {
  port: number;
  /** For each connection, the local address at which it arrived; a mapped one in its IPv4 form. */
  reachedAt: string[];
  stop: () => Promise<void>;
}

/** Listens on one port of all addresses of this machine, IPv4 and, if available, IPv6. Answers 200. */
export async function startCountingListener(): Promise<CountingListener> {
  const reachedAt: string[] = [];
  // Each call needs a new connection, so that each is checked.
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
