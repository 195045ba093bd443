import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy on the loopback address whose connections a test can cut. */
export interface Proxy {
  port: number;
  /** Cuts all connections, and every new one immediately. */
  cut: () => void;
  /** Drops all data in both directions, without closing connections, until it is cut. */
  freeze: () => void;
  /** Keeps open connections open and lets nothing more through them; new ones are let through. */
  silence: () => void;
  /** Lets connections through again. */
  restore: () => void;
  stop: () => Promise<void>;
}

/** Starts a proxy in front of a server on this machine, by default on a free port of 127.0.0.1. */
export function startProxy(targetPort: number, { host = '127.0.0.1', port = 0 } = {}): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let isFrozen = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  const cut = () => {
    isCut = true;
    isFrozen = false;
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    keep(client);
    if (isCut) return void client.destroy();
    if (isFrozen) return void client.pause();
    const upstream = connect(targetPort, '127.0.0.1');
    keep(upstream);
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
  return new Promise((resolve) => {
    server.listen(port, host, () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        cut,
        freeze: () => {
          isFrozen = true;
          for (const socket of sockets) socket.unpipe().pause();
        },
        silence: () => {
          for (const socket of sockets) socket.unpipe().pause();
        },
        restore: () => (isCut = false),
        stop: () => {
          cut();
          return new Promise((stopped) => void server.close(() => stopped()));
        },
      }),
    );
  });
}
