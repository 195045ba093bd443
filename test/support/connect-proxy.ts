import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** A request to a proxy. */
interface ProxyRequest {
  /** The request line without the version, such as `CONNECT host:port`. */
  line: string;
  host: string | undefined;
  authorization: string | undefined;
}

/** A proxy that remembers its requests. */
export interface ConnectProxy {
  port: number;
  requests: ProxyRequest[];
  stop: () => Promise<void>;
}

interface Options {
  /** The status that it answers instead of connecting; with 0 it never answers. */
  status?: number | ((authority: string) => number);
  /** Makes the proxy speak TLS. */
  certificate?: { key: string; cert: string };
  /** Data that is sent right behind the headers of a successful answer. */
  greeting?: string;
}

/**
 * Starts a proxy on the loopback address that accepts only CONNECT. For every host it connects to a server on this machine,
 * so tests can use public addresses without reaching them.
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
