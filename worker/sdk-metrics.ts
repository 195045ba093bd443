import { createServer, type AddressInfo } from 'node:net';
import { SECOND_MS } from '../domain/milliseconds.ts';

const LOOPBACK = '127.0.0.1';

/** Where Temporal's SDK shows its own metrics: its core can only do so on a port, for which a free one is taken. */
export function findMetricsAddress(): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, LOOPBACK, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(`${LOOPBACK}:${port}`));
    });
  });
}

/** The SDK's metrics as it shows them there; nothing if it can not be asked. */
export async function readSdkMetrics(address: string): Promise<string> {
  try {
    const response = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(2 * SECOND_MS) });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}
