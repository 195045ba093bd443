import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { SECOND_MS } from '../domain/milliseconds.ts';

/** A server that can end without breaking off what it has begun. */
export interface HttpServer {
  /** Resolves with the port. @throws Error when it is taken */
  listen: (host: string, port: number) => Promise<number>;
  /** Whether `stop` was called. */
  isStopping: () => boolean;
  /** Takes no more connections, answers what is under way, and resolves when the last connection is closed. */
  stop: () => Promise<void>;
}

/** Who has connected when the server stops may still send a request for so long. */
const SILENCE_MS = SECOND_MS;

/** An HTTP server that listens nowhere yet. */
export function createHttpServer(handle: RequestListener): HttpServer {
  const silent = new Set<Socket>();
  const open = new Set<ServerResponse>();
  let stopping = false;
  const server = createServer((request, response) => {
    silent.delete(request.socket);
    open.add(response);
    response.once('close', () => {
      open.delete(response);
      // An answer that had begun before the end could not say that it is the last of its connection.
      if (stopping) server.closeIdleConnections();
    });
    if (stopping) response.setHeader('Connection', 'close');
    handle(request, response);
  });
  server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          const taken = error.code === 'EADDRINUSE';
          const message = `Port ${port} on ${host} is taken; set PORT to another one.`;
          reject(taken ? new Error(message, { cause: error }) : error);
        });
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      }),
    isStopping: () => stopping,
    stop: () =>
      new Promise((resolve, reject) => {
        stopping = true;
        for (const response of open) if (!response.headersSent) response.setHeader('Connection', 'close');
        const timer = setTimeout(() => {
          for (const socket of silent) socket.destroy();
        }, SILENCE_MS);
        server.close((error) => {
          clearTimeout(timer);
          if (error) reject(error);
          else resolve();
        });
        server.closeIdleConnections();
      }),
  };
}
