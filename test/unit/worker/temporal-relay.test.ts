import { once } from 'node:events';
import { request } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startTemporalRelay, type TemporalRelay } from '../../../worker/temporal-relay.ts';

/** In place of Temporal: answers what it is sent. */
let echo: Server;
let relay: TemporalRelay;

beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  relay = await startTemporalRelay(`127.0.0.1:${(echo.address() as AddressInfo).port}`);
});
afterEach(() => {
  relay.stop();
  echo.close();
});

/** Opens a tunnel through the relay, as to an address. */
async function openTunnel(address: string): Promise<Socket> {
  const asked = request(`http://${relay.targetHost}`, { method: 'CONNECT', path: address }).end();
  const [response, tunnel] = (await once(asked, 'connect')) as [{ statusCode: number }, Socket];
  expect(response.statusCode).toBe(200);
  return tunnel.on('error', () => undefined);
}

async function say(tunnel: Socket, text: string): Promise<string> {
  tunnel.write(text);
  const [answer] = (await once(tunnel, 'data')) as [Buffer];
  return answer.toString();
}

test('leads to Temporal, and notes when it has said something', async () => {
  expect(relay.heardAt()).toBe(-Infinity);
  const tunnel = await openTunnel('temporal:7233');
  const askedAt = performance.now();
  expect(await say(tunnel, 'hello')).toBe('hello');
  expect(relay.heardAt()).toBeGreaterThanOrEqual(askedAt);
});

test('leads nowhere else, whatever it is asked for', async () => {
  expect(await say(await openTunnel('169.254.169.254:80'), 'hello')).toBe('hello');
});

test('cuts what is open, and lets new connections through', async () => {
  const tunnels = [await openTunnel('temporal:7233'), await openTunnel('temporal:7233')];
  const closed = tunnels.map((tunnel) => once(tunnel, 'close'));
  relay.cut();
  await Promise.all(closed);
  expect(await say(await openTunnel('temporal:7233'), 'again')).toBe('again');
});

test('closes a connection that cannot be made', async () => {
  echo.close();
  const asked = request(`http://${relay.targetHost}`, { method: 'CONNECT', path: 'temporal:7233' }).end();
  const [error] = (await once(asked, 'error')) as [Error];
  expect(error.message).toMatch(/socket hang up|ECONNRESET/);
});
