import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import { operations } from '../../api/routes/index.ts';
import { runFuzz } from '../fuzz/run.ts';
import { fromRunner } from '../support/environment.ts';
import { request } from '../support/client.ts';
import { API_KEY_PEPPER } from '../support/keys.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';

// The short form of npm run test:fuzz, which sets these variables.
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 60);
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 200);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

let stack: Stack;
let api: ServiceProcess;
let token: string;

beforeAll(async () => {
  stack = await createStack('fuzz');
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyFile = path.join(fromRunner('folder'), 'fuzz-public.pem');
  writeFileSync(keyFile, publicKey.export({ type: 'spki', format: 'pem' }));
  api = await stack.startApi({
    API_KEY_PEPPER,
    JWT_PUBLIC_KEY_FILE: keyFile,
    JWT_ISSUER: 'fuzz',
    JWT_AUDIENCE: 'scheduler',
    RATE_LIMIT_READS_PER_MINUTE: '0',
    RATE_LIMIT_WRITES_PER_MINUTE: '0',
  });
  // A token, because a random request could revoke an API key.
  token = await new SignJWT({ scope: 'admin' })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer('fuzz')
    .setAudience('scheduler')
    .setSubject('fuzz')
    .setExpirationTime('1d')
    .sign(privateKey);
  // Few random jobs are valid. The links between operations need the id of one.
  const made = await request(
    `${api.url}/jobs`,
    'POST',
    {
      name: 'made before',
      schedule: { every: '1h' },
      target: { type: 'http', url: `${stack.receiver.url}/fuzz` },
    },
    { authorization: `Bearer ${token}` },
  );
  expect(made.status).toBe(201);
});
afterAll(() => stack.stop());

test(
  'no request makes the API fail, or answer in a way that the OpenAPI document does not describe',
  async () => {
    const { requests, counts, isGood, report } = await runFuzz({
      url: api.url,
      token,
      seconds: SECONDS,
      seed: SEED,
      folder: fromRunner('folder'),
      say: (text) => process.stdout.write(`[fuzz] ${text}\n`),
    });
    const failed = counts.filter(({ status }) => status >= 500);
    for (const { operation, status, count } of counts)
      process.stdout.write(`[fuzz] ${operation}: ${count} answered ${status}\n`);
    process.stdout.write(`[fuzz] ${requests} requests, ${failed.length} kinds of server errors\n`);
    // No operation is left out. Those that need a certain state, such as the retry of a run, may not succeed in a short time.
    expect([...new Set(counts.map(({ operation }) => operation))].sort()).toEqual(
      operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort(),
    );
    const succeeded = (operation: string) =>
      counts.some((one) => one.operation === operation && one.status < 300);
    expect(
      ['GET /runs/stream', 'POST /api-keys', 'GET /api-keys', 'GET /jobs'].filter((one) => !succeeded(one)),
    ).toEqual([]);
    expect({ isGood, failed, report: isGood ? '' : report }).toEqual({
      isGood: true,
      failed: [],
      report: '',
    });
    expect(requests).toBeGreaterThanOrEqual(REQUESTS);
  },
  (SECONDS + 240) * 1_000,
);
