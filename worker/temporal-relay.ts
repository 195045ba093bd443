import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NativeConnection } from '@temporalio/worker';
import { SECOND_MS } from '../domain/milliseconds.ts';
import type { Logger } from '../platform/logger.ts';

// The SDK's connection of workers finds out that a server has gone silent after 45 s, which it offers no option for. So its
// connections lead through a relay of this process, as an HTTP proxy, which can cut them earlier. TLS goes through it.

const CONNECT_TIMEOUT_MS = 5 * SECOND_MS;
/** Temporal is asked this often whether it is still there, and has this long to say anything. */
const PROBE_PERIOD_MS = 4 * SECOND_MS;
const SILENCE_MS = 5 * SECOND_MS;

/** A way to Temporal, and to nowhere else. */
export interface TemporalRelay {
  /** The address of the relay as an HTTP proxy. */
  targetHost: string;
  /** When Temporal sent something last, by the clock of `performance`. */
  heardAt: () => number;
  /** Cuts all connections. Their client opens others. */
  cut: () => void;
  stop: () => void;
}

/** Starts a relay to the address of Temporal. Each new connection looks its name up anew. */
export async function startTemporalRelay(address: string): Promise<TemporalRelay> {
  // `new URL` would leave out port 80.
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  const target = { host, port: Number(port) };
  const upstreams = new Set<Socket>();
  let heardAt = -Infinity;
  const server = createServer();
  server.on('connect', (_, client: Socket, head: Buffer) => {
    const upstream = connect({ ...target, noDelay: true, timeout: CONNECT_TIMEOUT_MS });
    upstreams.add(upstream);
    client.setNoDelay(true);
    upstream.once('timeout', () => upstream.destroy());
    upstream.once('connect', () => {
      upstream.setTimeout(0);
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    upstream.on('data', () => (heardAt = performance.now()));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      socket.on('error', () => undefined).once('close', () => other.destroy());
    upstream.once('close', () => upstreams.delete(upstream));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const cut = () => {
    for (const upstream of upstreams) upstream.destroy();
  };
  return {
    targetHost: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    heardAt: () => heardAt,
    cut,
    stop: () => {
      server.close();
      cut();
    },
  };
}

/** Cuts the connections of a relay whenever Temporal has said nothing for five seconds after it was asked something. */
export function watchTemporal(connection: NativeConnection, relay: TemporalRelay, logger: Logger): void {
  const probe = async () => {
    const askedAt = performance.now();
    // Any answer will do, and an error says that the connection is gone already.
    const answer = connection
      .withDeadline(Date.now() + SILENCE_MS, () => connection.workflowService.getSystemInfo({}))
      .catch(() => undefined);
    await Promise.race([answer, sleep(SILENCE_MS, undefined, { ref: false })]);
    if (relay.heardAt() >= askedAt) return;
    logger.warn('Temporal has gone silent; its connections are opened anew');
    relay.cut();
  };
  void (async () => {
    for (;;) {
      await sleep(PROBE_PERIOD_MS, undefined, { ref: false });
      await probe();
    }
  })();
}
