import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, SignJWT } from 'jose';
import { createTokenVerifier } from '../../../../api/access/tokens.ts';
import { readConfig } from '../../../../platform/config.ts';

// The key pairs of an issuer, and a server with their public halves, as an identity provider has.
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const strangers = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ISSUER = 'https://login.example.com/';
const NOW = new Date('2026-11-25T12:00:00Z');
const seconds = (offset: number) => Math.floor(NOW.getTime() / 1_000) + offset;
const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();

let server: Server;
let url: string;
let requests = 0;
let isDown = false;
let folder: string;

beforeAll(async () => {
  const keys = [
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256' },
    { ...(await exportJWK(ec.publicKey)), kid: 'ec', alg: 'ES256' },
  ];
  server = createServer((_, response) => {
    requests++;
    response.statusCode = isDown ? 500 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  folder = mkdtempSync(path.join(os.tmpdir(), 'tokens-'));
  writeFileSync(path.join(folder, 'public.pem'), pem);
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const settings = { JWT_ISSUER: ISSUER, JWT_AUDIENCE: 'scheduler' };
const verifierWith = (variables: Record<string, string>) => {
  const servers = { DATABASE_URL: 'postgres://x/x', TEMPORAL_ADDRESS: 'x:1' };
  const verify = createTokenVerifier(readConfig({ ...servers, ...settings, ...variables }), () => NOW);
  if (!verify) throw new Error('no tokens are taken');
  return verify;
};
const byUrl = () => verifierWith({ JWT_JWKS_URL: url });
const byFile = () => verifierWith({ JWT_PUBLIC_KEY_FILE: path.join(folder, 'public.pem') });

const claims = {
  iss: ISSUER,
  aud: 'scheduler',
  sub: 'ada',
  exp: seconds(300),
  scope: 'jobs:read openid runs:read',
};
function sign(
  payload: Record<string, unknown> = {},
  header: { alg: string; kid?: string } = { alg: 'RS256', kid: 'rsa' },
  key: KeyObject | Uint8Array = rsa.privateKey,
): Promise<string> {
  const given = Object.entries({ ...claims, ...payload }).filter(([, value]) => value !== undefined);
  return new SignJWT(Object.fromEntries(given)).setProtectedHeader(header).sign(key);
}
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

describe('a token', () => {
  test('names the caller, its namespace and its scopes', async () => {
    const token = await sign({ namespace: 'billing' });
    for (const verify of [byUrl(), byFile()]) {
      expect(await verify(token)).toMatchObject({
        name: 'token:ada',
        namespace: 'billing',
        scopes: ['jobs:read', 'runs:read'],
        client: expect.stringMatching(/^subject:/),
      });
    }
    expect(await byUrl()(await sign({}, { alg: 'ES256', kid: 'ec' }, ec.privateKey))).toMatchObject({
      namespace: 'default',
    });
  });

  test('may hold scopes and namespace in other claims', async () => {
    const verify = verifierWith({
      JWT_JWKS_URL: url,
      JWT_SCOPES_CLAIM: 'realm_access.roles',
      JWT_NAMESPACE_CLAIM: 'https://example.com/tenant',
    });
    const token = await sign({
      realm_access: { roles: ['admin', 'offline_access', 7] },
      'https://example.com/tenant': 'billing',
    });
    expect(await verify(token)).toMatchObject({ scopes: ['admin'], namespace: 'billing' });
    expect(await verify(await sign({ scope: 'admin' }))).toMatchObject({ scopes: [], namespace: 'default' });
  });

  test('is valid within the clock skew, and keeps a stream open until it expires', async () => {
    const session = await byUrl()(await sign({ exp: seconds(-29), nbf: seconds(29) }));
    expect(await session.isStillValid()).toBe(true);
    const short = createTokenVerifier(
      readConfig({ DATABASE_URL: 'postgres://x/x', TEMPORAL_ADDRESS: 'x:1', ...settings, JWT_JWKS_URL: url }),
      () => now,
    );
    let now = NOW;
    const stream = await short?.(await sign({ exp: seconds(10) }));
    now = new Date(NOW.getTime() + 41_000);
    expect(await stream?.isStillValid()).toBe(false);
  });

  const refused: [string, () => Promise<string> | string][] = [
    ['unsigned (alg none)', () => `${encode({ alg: 'none', typ: 'JWT' })}.${encode(claims)}.`],
    ['unsigned, in other letters', () => `${encode({ alg: 'nOnE' })}.${encode(claims)}.`],
    ['without its signature', async () => (await sign()).replace(/[^.]+$/, '')],
    [
      'signed with the public key as if it were a secret (HS256)',
      () => {
        const signed = `${encode({ alg: 'HS256', kid: 'rsa' })}.${encode(claims)}`;
        return `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`;
      },
    ],
    [
      'signed by a stranger under a known kid',
      () => sign({}, { alg: 'RS256', kid: 'rsa' }, strangers.privateKey),
    ],
    [
      'that brings its own key',
      async () =>
        new SignJWT(claims)
          .setProtectedHeader({
            alg: 'RS256',
            kid: 'rsa',
            jwk: await exportJWK(createPublicKey(strangers.privateKey)),
          })
          .sign(strangers.privateKey),
    ],
    [
      'changed after it was signed',
      async () => (await sign()).replace(/\.[^.]+\./, `.${encode({ ...claims, scope: 'admin' })}.`),
    ],
    ['expired', () => sign({ exp: seconds(-31) })],
    ['not valid yet', () => sign({ nbf: seconds(31) })],
    ['that never expires', () => sign({ exp: undefined })],
    ['of nobody', () => sign({ sub: undefined })],
    ['of a number', () => sign({ sub: 7 })],
    ['of a subject without a name', () => sign({ sub: '' })],
    ['of a subject that no log line can hold', () => sign({ sub: 'x\u0000y' })],
    ['of another issuer', () => sign({ iss: 'https://evil.example.com/' })],
    ['for another audience', () => sign({ aud: 'another' })],
    ['without an audience', () => sign({ aud: undefined })],
    ['with a namespace that is none', () => sign({ namespace: '../default' })],
    ['with a namespace that is a list', () => sign({ namespace: ['default', 'billing'] })],
    ['of an algorithm that is not allowed', () => sign({}, { alg: 'RS512', kid: 'rsa' })],
    ['that is no token', () => 'what.is.this'],
    ['of two parts', () => 'eyJhbGciOiJSUzI1NiJ9.e30'],
    ['that is empty', () => '..'],
  ];
  test.each(refused)('%s is refused', async (_, make) => {
    const token = await make();
    for (const verify of [byUrl(), byFile()])
      await expect(verify(token)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test('with an unknown kid is refused, and does not make the service fetch the keys each time', async () => {
    const verify = byUrl();
    requests = 0;
    const token = await sign({}, { alg: 'RS256', kid: 'unknown' });
    for (let time = 0; time < 20; time++)
      await expect(verify(token)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(requests).toBeLessThanOrEqual(2);
  });

  test('gets "unavailable" rather than "unauthenticated" while the keys cannot be fetched', async () => {
    isDown = true;
    await expect(byUrl()(await sign())).rejects.toMatchObject({ code: 'unavailable' });
    isDown = false;
    await expect(verifierWith({ JWT_JWKS_URL: 'http://127.0.0.1:2/' })(await sign())).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});
