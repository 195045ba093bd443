import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Certificate } from './tls.ts';
import { refuseMalformedRequest } from './malformed-request.ts';

/** A server that can end without breaking off what it has begun. */
export interface HttpServer {
  /** Resolves with the port. @throws Error when it is taken */
  listen: (host: string, port: number) => Promise<number>;
  /** Serves the certificate to whoever connects from now on. */
  useCertificate: (certificate: Certificate) => void;
  /** Takes no more connections, answers what is under way, and resolves when the last connection is closed. */
  stop: () => Promise<void>;
}

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
/** Nothing has moved on a connection for so long in the middle of an exchange: its client does not read. */
const STUCK_MS = 60 * SECOND_MS;

/** When the server stops, who has connected may still send a request for so long, */
const SILENCE_MS = SECOND_MS;
/** and who sends one may send the rest of it for so long. */
const REST_MS = 5 * SECOND_MS;

/** A connection, and what is under way on it. */
interface Exchange {
  hasAsked: boolean;
  request?: IncomingMessage | undefined;
  response?: ServerResponse | undefined;
}

/** An HTTP server, or HTTPS server with the certificate, that listens nowhere yet. */
export function createHttpServer(handle: RequestListener, certificate?: Certificate): HttpServer {
  const exchanges = new Map<Socket, Exchange>();
  let stopping = false;
  const answer: RequestListener = (request, response) => {
    const { socket } = request;
    const exchange = { hasAsked: true, request, response };
    exchanges.set(socket, exchange);
    response.once('close', () => {
      // Another one may have begun on the same connection.
      if (exchanges.get(socket) === exchange) exchanges.set(socket, { hasAsked: true });
      // An answer that had begun before the end could not say that it is the last of its connection.
      if (stopping) socket.destroySoon();
    });
    if (stopping) response.setHeader('Connection', 'close');
    handle(request, response);
  };
  const tlsServer = certificate
    ? createTlsServer({ ...LIMITS, ...certificate, handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, answer)
    : undefined;
  const server = tlsServer ?? createServer(LIMITS, answer);
  server.timeout = STUCK_MS;
  server.on(tlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    exchanges.set(socket, { hasAsked: false });
    socket.once('close', () => exchanges.delete(socket));
  });
  server.on('clientError', refuseMalformedRequest);

  const destroyIf = (isToEnd: (exchange: Exchange) => boolean) => {
    for (const [socket, exchange] of exchanges) if (isToEnd(exchange)) socket.destroy();
  };

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          const taken = error.code === 'EADDRINUSE';
          const message = `Port ${port} on ${host} is taken; set PORT or INTERNAL_PORT to another one.`;
          reject(taken ? new Error(message, { cause: error }) : error);
        });
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
      }),
    useCertificate: (next) => tlsServer?.setSecureContext(next),
    stop: () =>
      new Promise((resolve, reject) => {
        stopping = true;
        for (const { response } of exchanges.values())
          if (response && !response.headersSent) response.setHeader('Connection', 'close');
        const timers = [
          // Also who is in the middle of the headers of a request.
          setTimeout(() => destroyIf(({ response }) => !response), SILENCE_MS),
          setTimeout(() => destroyIf(({ request }) => request?.complete === false), REST_MS),
        ];
        // Not the server's own: that would cut off answers that are still being sent, and stop to time requests out.
        NetServer.prototype.close.call(server, (error) => {
          for (const timer of timers) clearTimeout(timer);
          if (error) reject(error);
          else resolve();
        });
        destroyIf(({ hasAsked, response }) => hasAsked && !response);
      }),
  };
}
