import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A server of bytes. */
export interface RawServer {
  port: number;
  /** The head of each request that came, and what came with it, connection after connection. */
  requests: string[];
  stop: () => Promise<void>;
}

/** Answers each request on a loopback address with whatever `answer` does to its connection. */
export function startRawServer(
  answer: (socket: Socket, nthOnConnection: number) => void,
  address = '127.0.0.1',
): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    let count = 0;
    socket
      .on('error', () => undefined)
      .on('close', () => sockets.delete(socket))
      .on('data', (data) => {
        requests.push(data.toString('latin1'));
        answer(socket, (count += 1));
      });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, address, () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        requests,
        stop: () => {
          for (const socket of sockets) socket.destroy();
          return new Promise((stopped) => void server.close(() => stopped()));
        },
      }),
    );
  });
}
