import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** A request to a proxy. */
interface ProxyRequest {
  /** `CONNECT` and where to. */
  line: string;
  host: string | undefined;
  authorization: string | undefined;
}

/** A proxy that remembers what it was asked for. */
export interface ConnectProxy {
  port: number;
  requests: ProxyRequest[];
  stop: () => Promise<void>;
}

interface Options {
  /** What it answers instead of connecting; 0 lets a request wait for ever. */
  status?: number | ((authority: string) => number);
  /** Makes it one that speaks TLS. */
  certificate?: { key: string; cert: string };
  /** Comes right behind the head of a good answer. */
  greeting?: string;
}

/**
 * Starts a proxy on the loopback address that takes CONNECT alone. Whatever the host, it connects to the port of a server on
 * this machine: a test reaches no other, and public addresses stand for themselves.
 */
export async function startConnectProxy(
  serverPort: number,
  { status = 200, certificate, greeting = '' }: Options = {},
): Promise<ConnectProxy> {
  const requests: ProxyRequest[] = [];
  const sockets = new Set<Duplex>();
  const keep = (socket: Duplex) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
  };
  const server: Server = certificate ? createTlsServer(certificate) : createServer();
  server
    .on('connection', keep)
    .on('request', ({ method, url, headers }, response) => {
      requests.push({ line: `${method} ${url}`, host: headers.host, authorization: undefined });
      response.writeHead(405).end('only CONNECT');
    })
    .on('connect', ({ url = '', headers }, client: Duplex) => {
      keep(client);
      requests.push({
        line: `CONNECT ${url}`,
        host: headers.host,
        authorization: headers['proxy-authorization'],
      });
      const answer = typeof status === 'function' ? status(url) : status;
      if (answer === 0) return;
      if (answer !== 200) return void client.end(`HTTP/1.1 ${answer} No\r\nContent-Length: 6\r\n\r\nsecret`);
      const upstream = connect(serverPort, '127.0.0.1');
      keep(upstream);
      upstream.once('connect', () => {
        client.write(`HTTP/1.1 200 Connection established\r\n\r\n${greeting}`);
        client.pipe(upstream).pipe(client);
      });
      client.once('close', () => upstream.destroy());
      upstream.once('close', () => client.destroy());
    });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((stopped) => void server.close(() => stopped()));
    },
  };
}
