import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiClient } from '../support/client.ts';
import { startConnectProxy, type ConnectProxy } from '../support/connect-proxy.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { fromRunner } from '../support/environment.ts';
import { PRIVATE_AUTHORITY, PRIVATELY_SIGNED } from '../support/private-authority.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';

/** A public address. The proxies connect to this machine instead. */
const PUBLIC = '93.184.216.34';
const PASSWORD = 'proxy-password-to-be-hidden';

let stack: Stack;
let api: ReturnType<typeof apiClient>;
let worker: ServiceProcess;
let plainProxy: ConnectProxy;
let secureProxy: ConnectProxy;
const secureTarget = createServer(PRIVATELY_SIGNED, ({ headers, url }, response) =>
  response.setHeader('connection', 'close').end(`${headers.host}${url}`),
);
const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-proxied-'));
const authorities = path.join(folder, 'authorities.pem');

beforeAll(async () => {
  stack = await createStack('proxied-targets');
  await new Promise<void>((resolve) => void secureTarget.listen(0, '127.0.0.1', resolve));
  secureProxy = await startConnectProxy((secureTarget.address() as AddressInfo).port);
  plainProxy = await startConnectProxy(Number(new URL(stack.receiver.url).port), {
    status: (authority) => (authority.endsWith(':8407') ? 407 : 200),
  });
  writeFileSync(authorities, PRIVATE_AUTHORITY);
  // In lower case too, as other programs read it. Temporal must still be reached directly.
  const addressOf = ({ port }: ConnectProxy) => `http://scheduler:${PASSWORD}@127.0.0.1:${port}`;
  const proxies = { https_proxy: addressOf(secureProxy), HTTP_PROXY: addressOf(plainProxy) };
  const [service, started] = await Promise.all([
    stack.startApi(proxies),
    stack.startWorker({
      ...proxies,
      NO_PROXY: '93.184.216.99,direct.example',
      TARGET_CA_FILE: authorities,
    }),
  ]);
  api = apiClient(service.url);
  worker = started;
});
afterAll(async () => {
  await stack.stop();
  await Promise.all([plainProxy.stop(), secureProxy.stop()]);
  secureTarget.close();
  rmSync(folder, { recursive: true });
});

async function runOf(url: string, more: object = {}) {
  const job = await api.createJob({
    name: `to ${url}`,
    schedule: { at: '2090-01-01T00:00:00Z' },
    target: { type: 'http', url, ...more },
    retry: { maxAttempts: 1 },
  });
  return endOfRun(api, (await api.runJob(job.id)).id);
}

test('a job calls through the proxies, with http and, with a private authority, with https', async () => {
  expect(await runOf(`http://${PUBLIC}/plain`)).toMatchObject({ state: 'succeeded' });
  expect(stack.receiver.callsTo('/plain')).toEqual([
    expect.objectContaining({ headers: expect.objectContaining({ host: PUBLIC }) }),
  ]);
  expect(plainProxy.requests.at(-1)).toEqual({
    line: `CONNECT ${PUBLIC}:80`,
    host: `${PUBLIC}:80`,
    authorization: `Basic ${Buffer.from(`scheduler:${PASSWORD}`).toString('base64')}`,
  });

  const secure = await runOf(`https://${PUBLIC}/secure`);
  expect(secure).toMatchObject({
    state: 'succeeded',
    attempts: [{ statusCode: 200, responseExcerpt: `${PUBLIC}/secure` }],
  });
  expect(secureProxy.requests.map(({ line }) => line)).toEqual([`CONNECT ${PUBLIC}:443`]);
});

test('NO_PROXY targets are called directly', async () => {
  const asked = plainProxy.requests.length;
  expect(await runOf(`${stack.receiver.url}/direct`)).toMatchObject({ state: 'succeeded' });
  expect(stack.receiver.callsTo('/direct')).toHaveLength(1);
  expect(plainProxy.requests).toHaveLength(asked);
});

test('a forbidden address is not called through a proxy either, nor after a redirect', async () => {
  const asked = plainProxy.requests.length;
  for (const host of ['10.0.0.1', '169.254.169.254', '127.0.0.2', '[::ffff:10.0.0.1]'])
    expect(await runOf(`http://${host}/`)).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/is not public/),
    });
  expect(plainProxy.requests).toHaveLength(asked);
  stack.receiver.respond('/away', (_, response) => {
    response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data' }).end();
  });
  expect(await runOf(`http://${PUBLIC}/away`, { followRedirects: true })).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/is not public/),
  });
  expect(plainProxy.requests).toHaveLength(asked + 1);
});

test('a run and the log say that a proxy refused, without its password', async () => {
  const run = await runOf(`http://${PUBLIC}:8407/`);
  expect(run).toMatchObject({
    state: 'failed',
    attempts: [
      {
        outcome: 'failed',
        statusCode: null,
        error: 'the proxy (HTTP_PROXY) asks for other credentials than those in HTTP_PROXY, if any (407)',
      },
    ],
  });
  await worker.stop();
  const logFolder = fromRunner('folder');
  const logs = readdirSync(logFolder)
    .filter((file) => /^proxied-targets-(api|worker)/.test(file))
    .map((file) => readFileSync(path.join(logFolder, file), 'utf8'))
    .join('');
  expect(logs).toContain('worker is running');
  for (const secret of [PASSWORD, Buffer.from(`scheduler:${PASSWORD}`).toString('base64')])
    expect(JSON.stringify(run) + logs).not.toContain(secret);
});
