import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const ANY_FREE = 0;
/** Free ports are chosen from this range. Systems use higher ports for outgoing connections, which could take a port before this process binds it. */
const FIRST_PORT = 22_000;
const LAST_PORT = 32_000;
/** How many ports are tried. */
const MAX_TRIES = 100;

/** Tells whether a port of the loopback address is free. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The preferred port, or else the next one that is free and not in `taken`. For 0, any free port. */
export async function findPort(preferred: number, taken: readonly number[] = []): Promise<number> {
  for (let tried = 0; tried < MAX_TRIES; tried++) {
    const port = preferred === ANY_FREE ? randomInt(FIRST_PORT, LAST_PORT) : preferred + tried;
    if (port < 65_536 && !taken.includes(port) && (await isFree(port))) return port;
  }
  throw new Error(
    `None of ${MAX_TRIES} ports is free${preferred === ANY_FREE ? '' : `, from ${preferred} on`}.`,
  );
}
