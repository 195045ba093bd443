import { afterEach, expect, test } from '@jest/globals';
import { readConfig } from '../../../platform/config.ts';
import { createTemporalClient } from '../../../platform/temporal.ts';
import { startRawServer } from '../../support/raw-server.ts';

const VARIABLES = ['https_proxy', 'http_proxy', 'grpc_proxy', 'HTTPS_PROXY', 'HTTP_PROXY'];

afterEach(() => {
  for (const name of VARIABLES) delete process.env[name];
});

test('connections to Temporal do not use the proxy of targets', async () => {
  const proxy = await startRawServer((socket) => socket.destroy());
  const temporal = await startRawServer((socket) => socket.destroy());
  for (const name of VARIABLES) process.env[name] = `http://127.0.0.1:${proxy.port}`;
  const client = createTemporalClient(
    readConfig({ DATABASE_URL: 'postgres://localhost/x', TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}` }),
  );
  // The client retries until then.
  const call = () => client.connection.workflowService.getSystemInfo({});
  await expect(client.connection.withDeadline(Date.now() + 3_000, call)).rejects.toThrow();
  expect(proxy.requests).toEqual([]);
  expect(temporal.requests[0]).toMatch(/^PRI \* HTTP\/2/);
  await client.connection.close();
  await Promise.all([proxy.stop(), temporal.stop()]);
});
