import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client, Connection } from '@temporalio/client';
import { readConfig } from '../../../platform/config.ts';
import { createTemporalClient } from '../../../platform/temporal.ts';
import { ensureSearchAttributes } from '../../../scheduling/temporal/search-attributes.ts';
import { isUnreachable } from '../../../scheduling/temporal/temporal-errors.ts';

// A Temporal server that answers GetSystemInfo and nothing else.
let server: Http2Server;
let client: Client;
const sessions = new Set<ServerHttp2Session>();

beforeAll(async () => {
  server = createServer();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (!headers[':path']?.endsWith('/GetSystemInfo')) return;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    // An empty gRPC message: one byte for "not compressed", and four for the length.
    stream.end(Buffer.alloc(5));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = createTemporalClient(
    readConfig({
      DATABASE_URL: 'postgres://localhost/x',
      TEMPORAL_ADDRESS: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    }),
  );
});
afterAll(async () => {
  for (const session of sessions) session.destroy();
  server.close();
  await client.connection.close();
});

const calls: [string, () => Promise<unknown>][] = [
  ['a list of schedules', () => client.schedule.list()[Symbol.asyncIterator]().next()],
  ['the search attributes', () => ensureSearchAttributes(client)],
  ['a schedule', () => client.schedule.getHandle('x').describe()],
  ['a workflow', () => client.workflow.getHandle('x').describe()],
  ['a workflow’s result', () => client.workflow.getHandle('x').result()],
  ['a list of workflows', () => client.workflow.list()[Symbol.asyncIterator]().next()],
  ['the health of the server', async () => (client.connection as Connection).healthService.check({})],
];

test('every call to Temporal has a deadline', async () => {
  const errors = await Promise.all(
    calls.map(([, call]) =>
      call().then(
        () => undefined,
        (error: unknown) => error,
      ),
    ),
  );
  const unreached = calls.filter((_, index) => !isUnreachable(errors[index])).map(([name]) => name);
  expect(unreached).toEqual([]);
}, 30_000);
