import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy between a process and a server, whose connections can be cut or silenced. */
export interface FaultProxy {
  port: number;
  /** Cuts all connections, and every new one immediately. */
  cut: () => void;
  /** Holds everything that the process sends from now on. What the server sends still arrives. */
  hold: () => void;
  /** Lets everything through again, including the held data of open connections. */
  restore: () => void;
  /** Resolves with the first bytes held since `hold`; with undefined after `timeoutMs`. */
  held: (timeoutMs: number) => Promise<Buffer | undefined>;
  stop: () => Promise<void>;
}

interface Link {
  client: Socket;
  server: Socket;
  /** What the process has sent since `hold`. */
  kept: Buffer[];
}

/** Starts a proxy in front of a server on this machine. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const links = new Set<Link>();
  let mode: 'pass' | 'cut' | 'hold' = 'pass';
  let firstHeld: Buffer | undefined;
  let onHeld: ((bytes: Buffer) => void) | undefined;

  const server = createServer((client) => {
    client.on('error', () => client.destroy());
    if (mode === 'cut') return void client.destroy();
    const link: Link = { client, server: connect(targetPort, '127.0.0.1'), kept: [] };
    links.add(link);
    client.setNoDelay(true);
    link.server.setNoDelay(true);
    link.server.on('error', () => link.server.destroy());
    link.server.on('data', (bytes: Buffer) => void client.write(bytes));
    client.on('data', (bytes: Buffer) => {
      if (mode !== 'hold') return void link.server.write(bytes);
      link.kept.push(bytes);
      firstHeld ??= bytes;
      onHeld?.(bytes);
    });
    // Data that was sent before the close is still delivered. Held data is lost with its sender.
    link.server.once('close', () => client.destroySoon());
    client.once('close', () => {
      links.delete(link);
      link.server.destroySoon();
    });
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
    restore: () => {
      mode = 'pass';
      for (const link of links) for (const bytes of link.kept.splice(0)) link.server.write(bytes);
    },
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
