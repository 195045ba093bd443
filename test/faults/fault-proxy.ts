import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy between a process and a server, which can do to their connections what networks do. */
export interface FaultProxy {
  port: number;
  /** Cuts all connections, and every new one immediately. */
  cut: () => void;
  /** Holds everything that the process sends from now on. What the server sends still arrives. */
  hold: () => void;
  /** Accepts connections, holds everything in both directions, and closes nothing. */
  swallow: () => void;
  /** Lets everything through again, including the held data, even of a sender that has gone since `swallow`. */
  restore: () => void;
  /** Drops one side of all open connections without a word to the other side. New connections work. */
  halfOpen: (dropped: 'process' | 'server') => void;
  /** Connects new connections to another port. */
  moveTo: (port: number) => void;
  /** Resolves with the first bytes held since `hold`; with undefined after `timeoutMs`. */
  held: (timeoutMs: number) => Promise<Buffer | undefined>;
  stop: () => Promise<void>;
}

/** Sees what a process sends over one connection, before it is sent on. Returns false to drop it. */
export type Tap = (bytes: Buffer) => boolean;

interface Link {
  client: Socket;
  server: Socket;
  /** What the process has sent since `hold` or `swallow`, and what the server has sent since `swallow`. */
  toServer: Buffer[];
  toClient: Buffer[];
  isHalfOpen: boolean;
}

/** A server gets rid of its half of a connection by its own bounds. Those of tests must not pile up for ever. */
const MAX_HALF_OPEN_MS = 120_000;

/** Starts a proxy in front of a server on this machine. `tap` is called for each connection. */
export async function startFaultProxy(targetPort: number, tap?: () => Tap): Promise<FaultProxy> {
  const links = new Set<Link>();
  let mode: 'pass' | 'cut' | 'hold' | 'swallow' = 'pass';
  let upstreamPort = targetPort;
  let firstHeld: Buffer | undefined;
  let onHeld: ((bytes: Buffer) => void) | undefined;

  const server = createServer((client) => {
    client.on('error', () => client.destroy());
    if (mode === 'cut') return void client.destroy();
    const link: Link = {
      ...{ client, server: connect(upstreamPort, '127.0.0.1') },
      ...{ toServer: [], toClient: [], isHalfOpen: false },
    };
    const isPassed = tap?.() ?? (() => true);
    links.add(link);
    client.setNoDelay(true);
    link.server.setNoDelay(true);
    link.server.on('error', () => link.server.destroy());
    link.server.on('data', (bytes: Buffer) => {
      if (link.isHalfOpen) return;
      if (mode === 'swallow') link.toClient.push(bytes);
      else client.write(bytes);
    });
    client.on('data', (bytes: Buffer) => {
      if (link.isHalfOpen || !isPassed(bytes)) return;
      if (mode !== 'hold' && mode !== 'swallow') return void link.server.write(bytes);
      link.toServer.push(bytes);
      firstHeld ??= bytes;
      onHeld?.(bytes);
    });
    const close = () => {
      if (client.destroyed && link.server.destroyed) links.delete(link);
      if (mode !== 'swallow' && !link.isHalfOpen) closeOther(link);
    };
    link.server.once('close', close);
    client.once('close', close);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));

  const cut = () => {
    mode = 'cut';
    for (const link of links) {
      link.client.destroy();
      link.server.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    hold: () => {
      firstHeld = undefined;
      mode = 'hold';
    },
    swallow: () => (mode = 'swallow'),
    restore: () => {
      mode = 'pass';
      for (const link of links) {
        if (link.isHalfOpen) continue;
        for (const bytes of link.toServer.splice(0)) link.server.write(bytes);
        for (const bytes of link.toClient.splice(0)) link.client.write(bytes);
        if (link.client.destroyed || link.server.destroyed) closeOther(link);
      }
    },
    halfOpen: (dropped) => {
      for (const link of links) {
        link.isHalfOpen = true;
        const [gone, kept] = dropped === 'process' ? [link.client, link.server] : [link.server, link.client];
        gone.destroy();
        setTimeout(() => kept.destroy(), MAX_HALF_OPEN_MS).unref();
      }
    },
    moveTo: (port) => (upstreamPort = port),
    held: (timeoutMs) =>
      new Promise((resolve) => {
        if (firstHeld) return resolve(firstHeld);
        const finish = (bytes: Buffer | undefined) => {
          onHeld = undefined;
          clearTimeout(timer);
          resolve(bytes);
        };
        const timer = setTimeout(() => finish(undefined), timeoutMs);
        onHeld = finish;
      }),
    stop: () => {
      cut();
      return new Promise((stopped) => void server.close(() => stopped()));
    },
  };
}

/** When one side has closed: closes the other one, after the data that was sent before. */
function closeOther({ client, server }: Link): void {
  if (client.destroyed) server.destroySoon();
  if (server.destroyed) client.destroySoon();
}
