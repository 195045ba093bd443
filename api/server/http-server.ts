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

/** An HTTP server that shuts down gracefully. */
export interface HttpServer {
  /** Resolves with the port once the server listens. @throws Error if the port is taken */
  listen: (host: string, port: number) => Promise<number>;
  /** Serves this certificate to new connections. */
  useCertificate: (certificate: Certificate) => void;
  /** Accepts no more connections, answers the requests in flight, and resolves when the last connection is closed. */
  stop: () => Promise<void>;
}

const LIMITS: ServerOptions = {
  // Against clients that send a byte now and then (slowloris).
  headersTimeout: 15 * SECOND_MS,
  requestTimeout: 30 * SECOND_MS,
  connectionsCheckingInterval: 2 * SECOND_MS,
  // Longer than proxies keep idle connections, so that none sends a request into a connection that is just closing.
  keepAliveTimeout: 75 * SECOND_MS,
  maxHeaderSize: 16_384,
};
const HANDSHAKE_TIMEOUT_MS = 10 * SECOND_MS;
/** A connection on which nothing moves for this long during an exchange is closed, because its client does not read. */
const IDLE_EXCHANGE_MS = 60 * SECOND_MS;

/** After the stop, a new connection has this long to send the headers of a request. */
const STOP_HEADERS_MS = SECOND_MS;
/** After the stop, a request has this long to arrive whole. */
const STOP_REQUEST_MS = 5 * SECOND_MS;

/** The state of a connection: the request and response in flight, and whether there has been a request at all. */
interface Exchange {
  hadRequest: boolean;
  request?: IncomingMessage | undefined;
  response?: ServerResponse | undefined;
}

/** An HTTP server, or with a certificate an HTTPS server, that does not listen yet. */
export function createHttpServer(handle: RequestListener, certificate?: Certificate): HttpServer {
  const exchanges = new Map<Socket, Exchange>();
  let stopping = false;
  const answer: RequestListener = (request, response) => {
    const { socket } = request;
    const exchange = { hadRequest: true, request, response };
    exchanges.set(socket, exchange);
    response.once('close', () => {
      // The next request on the connection may have replaced it.
      if (exchanges.get(socket) === exchange) exchanges.set(socket, { hadRequest: true });
      // A response that began before the stop has no `Connection: close`.
      if (stopping) socket.destroySoon();
    });
    if (stopping) response.setHeader('Connection', 'close');
    handle(request, response);
  };
  const tlsServer = certificate
    ? createTlsServer({ ...LIMITS, ...certificate, handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, answer)
    : undefined;
  const server = tlsServer ?? createServer(LIMITS, answer);
  server.timeout = IDLE_EXCHANGE_MS;
  server.on(tlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    exchanges.set(socket, { hadRequest: false });
    socket.once('close', () => exchanges.delete(socket));
  });
  server.on('clientError', refuseMalformedRequest);

  const destroyIf = (condition: (exchange: Exchange) => boolean) => {
    for (const [socket, exchange] of exchanges) if (condition(exchange)) socket.destroy();
  };

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          const isTaken = error.code === 'EADDRINUSE';
          const message = `Port ${port} on ${host} is taken; set PORT or INTERNAL_PORT to another one.`;
          reject(isTaken ? new Error(message, { cause: error }) : error);
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
          setTimeout(() => destroyIf(({ response }) => !response), STOP_HEADERS_MS),
          setTimeout(() => destroyIf(({ request }) => request?.complete === false), STOP_REQUEST_MS),
        ];
        // http.Server's own close would cut off responses that are being sent, and stop its request timeouts.
        NetServer.prototype.close.call(server, (error) => {
          for (const timer of timers) clearTimeout(timer);
          if (error) reject(error);
          else resolve();
        });
        destroyIf(({ hadRequest, response }) => hadRequest && !response);
      }),
  };
}
