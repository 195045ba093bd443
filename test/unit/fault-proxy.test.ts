import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startFaultProxy, type FaultProxy } from '../faults/fault-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

// What the proxy of the fault bench does to connections, seen from both sides.

let server: Server;
let accepted: { socket: Socket; received: string; isClosed: boolean }[];
let proxy: FaultProxy;

beforeEach(async () => {
  accepted = [];
  server = createServer((socket) => {
    const seen = { socket, received: '', isClosed: false };
    accepted.push(seen);
    socket.on('data', (bytes: Buffer) => (seen.received += String(bytes)));
    socket.on('error', () => undefined);
    socket.on('close', () => (seen.isClosed = true));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  proxy = await startFaultProxy((server.address() as AddressInfo).port);
});
afterEach(async () => {
  await proxy.stop();
  await new Promise((resolve) => server.close(resolve));
});

async function open() {
  const socket = connect(proxy.port, '127.0.0.1');
  const seen = { socket, received: '', isClosed: false };
  socket.on('data', (bytes: Buffer) => (seen.received += String(bytes)));
  socket.on('error', () => undefined);
  socket.on('close', () => (seen.isClosed = true));
  const before = accepted.length;
  await waitFor('the connection', () => accepted.length > before);
  return { client: seen, upstream: accepted[before] as (typeof accepted)[0] };
}

/** Long enough for what has been sent to arrive, if it is let through. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 100));

describe('a silence', () => {
  test('holds both directions, closes nothing, and lets everything through late', async () => {
    const { client, upstream } = await open();
    proxy.swallow();
    client.socket.write('question');
    upstream.socket.write('answer');
    await settle();
    expect([client.received, upstream.received]).toEqual(['', '']);
    proxy.restore();
    await waitFor('the data', () => client.received === 'answer' && upstream.received === 'question');
  });

  test('lets through what a sender has sent that has gone meanwhile, and then closes', async () => {
    const { client, upstream } = await open();
    proxy.swallow();
    client.socket.end('commit');
    await settle();
    expect(upstream).toMatchObject({ received: '', isClosed: false });
    proxy.restore();
    await waitFor('the close', () => upstream.isClosed);
    expect(upstream.received).toBe('commit');
  });
});

describe('a half-open connection', () => {
  test.each([
    ['process', 'upstream', 'client'],
    ['server', 'client', 'upstream'],
  ] as const)('that the %s has lost stays open and silent on the other side', async (dropped, kept, gone) => {
    const sides = await open();
    proxy.halfOpen(dropped);
    await waitFor('the close', () => sides[gone].isClosed);
    sides[kept].socket.write('anybody there?');
    await settle();
    expect(sides[kept]).toMatchObject({ isClosed: false, received: '' });

    const next = await open();
    next.client.socket.write('new');
    await waitFor('the data', () => next.upstream.received === 'new');
    sides[kept].socket.destroy();
  });
});

test('what is held back is lost with its sender, and a cut closes both sides', async () => {
  const held = await open();
  proxy.hold();
  held.client.socket.end('lost');
  await waitFor('the close', () => held.upstream.isClosed);
  proxy.restore();
  expect(held.upstream.received).toBe('');

  const broken = await open();
  proxy.cut();
  await waitFor('the closes', () => broken.client.isClosed && broken.upstream.isClosed);
});
