import { createServer, type RequestListener, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { SECOND_MS } from '../domain/milliseconds.ts';
import type { Certificate } from './tls.ts';
import { refuseUnreadable } from './unreadable.ts';

/** A server that can end without breaking off what it has begun. */
export interface HttpServer {
  /** Resolves with the port. @throws Error when it is taken */
  listen: (host: string, port: number) => Promise<number>;
  /** Serves the certificate to whoever connects from now on. */
  useCertificate: (certificate: Certificate) => void;
  /** Whether `stop` was called. */
  isStopping: () => boolean;
  /** Takes no more connections, answers what is under way, and resolves when the last connection is closed. */
  stop: () => Promise<void>;
}

/** Who has connected when the server stops may still send a request for so long. */
const SILENCE_MS = SECOND_MS;

/**
 * So long a client may take for the headers of a request, and for the whole of it: who sends a byte now and then holds a
 * connection no longer. And so long an idle connection stays open: longer than the proxies in front keep theirs, so
 * that none sends a request into a connection that is just being closed.
 */
const LIMITS: ServerOptions = {
  headersTimeout: 15 * SECOND_MS,
  requestTimeout: 30 * SECOND_MS,
  connectionsCheckingInterval: 2 * SECOND_MS,
  keepAliveTimeout: 75 * SECOND_MS,
  maxHeaderSize: 16_384,
};
const HANDSHAKE_TIMEOUT_MS = 10 * SECOND_MS;

/** An HTTP server, or HTTPS server with the certificate, that listens nowhere yet. */
export function createHttpServer(handle: RequestListener, certificate?: Certificate): HttpServer {
  const silent = new Set<Socket>();
  const open = new Set<ServerResponse>();
  let stopping = false;
  const answer: RequestListener = (request, response) => {
    silent.delete(request.socket);
    open.add(response);
    response.once('close', () => {
      open.delete(response);
      // An answer that had begun before the end could not say that it is the last of its connection.
      if (stopping) server.closeIdleConnections();
    });
    if (stopping) response.setHeader('Connection', 'close');
    handle(request, response);
  };
  const tlsServer = certificate
    ? createTlsServer({ ...LIMITS, ...certificate, handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, answer)
    : undefined;
  const server = tlsServer ?? createServer(LIMITS, answer);
  server.on(tlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('clientError', refuseUnreadable);

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
    useCertificate: (next) => tlsServer?.setSecureContext(next),
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
