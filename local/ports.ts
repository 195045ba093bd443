import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const ANY_FREE = 0;
/**
 * Any free port is one of these. Systems take higher ones for connections that go out, and one of those could come before
 * whoever is to listen.
 */
const FIRST_PORT = 22_000;
const LAST_PORT = 32_000;
/** How many ports are tried: after the usual one, or at random. */
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
  for (let tried = 0; tried < TRIES; tried++) {
    const port = wanted === ANY_FREE ? randomInt(FIRST_PORT, LAST_PORT) : wanted + tried;
    if (port < 65_536 && !taken.includes(port) && (await isFree(port))) return port;
  }
  throw new Error(`None of ${TRIES} ports is free${wanted === ANY_FREE ? '' : `, from ${wanted} on`}.`);
}
