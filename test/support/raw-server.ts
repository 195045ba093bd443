import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A server that sends raw bytes. */
export interface RawServer {
  port: number;
  /** The received data of each request, headers first. */
  requests: string[];
  stop: () => Promise<void>;
}

/** Starts a server on a loopback address. `answer` handles the connection of each request. */
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
