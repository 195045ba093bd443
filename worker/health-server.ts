import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../platform/logger.ts';
import { METRICS_CONTENT_TYPE } from '../platform/metrics.ts';

/** Serves `/livez`, `/readyz` and `/metrics` of a worker. Resolves when it listens. */
export function startHealthServer(options: {
  host: string;
  port: number;
  isReady: () => boolean;
  readMetrics: () => Promise<string>;
  logger: Logger;
}) {
  const answer = async (
    path: string | undefined,
  ): Promise<{ status: number; type: string; body: string }> => {
    const json = (status: number, text: string) => ({
      status,
      type: 'application/json',
      body: JSON.stringify({ status: text }),
    });
    switch (path ?? '') {
      case '/livez':
        return json(200, 'ok');
      case '/readyz':
        return options.isReady() ? json(200, 'ok') : json(503, 'not ready');
      case '/metrics':
        return { status: 200, type: METRICS_CONTENT_TYPE, body: await options.readMetrics() };
      default:
        return json(404, 'not found');
    }
  };
  const server = createServer((request, response) => {
    answer(request.url).then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (error: unknown) => {
        options.logger.warn({ err: error }, 'could not answer a probe or scrape');
        response.writeHead(500).end();
      },
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
