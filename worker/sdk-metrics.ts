import { createServer, type AddressInfo } from 'node:net';
import { SECOND_MS } from '../domain/milliseconds.ts';

const LOOPBACK = '127.0.0.1';

/** A free loopback address on which Temporal's SDK can serve its metrics. Its core offers no other way to read them. */
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

/** The metrics of the SDK in Prometheus' text format; empty if it does not answer. */
export async function readSdkMetrics(address: string): Promise<string> {
  try {
    const response = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(2 * SECOND_MS) });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}
