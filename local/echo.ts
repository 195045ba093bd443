import { createServer } from 'node:http';

/** A target for trying things out, which answers each call with the request itself. Resolves when it listens. */
export function startEcho(port: number): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      const body = Buffer.concat(chunks).toString();
      response.end(
        JSON.stringify({ method: request.method, path: request.url, headers: request.headers, body }),
      );
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${port}`,
        stop: () => new Promise((stopped) => void server.close(() => stopped()).closeAllConnections()),
      }),
    );
  });
}
