import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers `/livez` and `/readyz` for a worker, which has no API of its own. Resolves when it listens. */
export function startHealthServer(options: { host: string; port: number; isReady: () => boolean }) {
  const server = createServer((request, response) => {
    const ready = options.isReady();
    const known = request.url === '/livez' || request.url === '/readyz';
    const status = !known ? 404 : request.url === '/readyz' && !ready ? 503 : 200;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ status: status === 200 ? 'ok' : status === 404 ? 'not found' : 'not ready' }),
    );
  });
  return new Promise<{ port: number; stop: () => Promise<void> }>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        stop: () => new Promise((stopped) => void server.close(() => stopped()).closeAllConnections()),
      });
    });
  });
}
