import { createServer } from 'node:net';

const ANY_FREE = 0;
/** How many ports after the usual one are tried. */
const TRIES = 100;

/** Tells whether nobody listens on a port of this machine's loopback address. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The wanted port if it is free, else the next free one that is not among `taken`; for 0 any free one. */
export async function findPort(wanted: number, taken: readonly number[] = []): Promise<number> {
  if (wanted === ANY_FREE) return findAnyPort();
  for (let port = wanted; port < wanted + TRIES && port < 65_536; port++) {
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
  throw new Error(`None of the ports ${wanted}–${wanted + TRIES - 1} is free.`);
}

function findAnyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(ANY_FREE, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : ANY_FREE;
      server.close(() => resolve(port));
    });
  });
}
