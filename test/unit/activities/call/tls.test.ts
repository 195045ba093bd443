import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import {
  createGuardedDispatcher,
  type OutboundSettings,
} from '../../../../activities/call/guarded-dispatcher.ts';
import { HttpTarget } from '../../../../domain/target/http-target.ts';
import { parseAddressRules } from '../../../../platform/address-rules.ts';
import { callTarget } from '../../../support/call-target.ts';
import { PRIVATE_AUTHORITY, PRIVATELY_SIGNED } from '../../../support/private-authority.ts';
import { OTHER_SELF_SIGNED, SELF_SIGNED } from '../../../support/self-signed.ts';

async function listen(certificate: { key: string; cert: string }) {
  const server = createServer(
    certificate,
    (_, response) => void response.setHeader('connection', 'close').end('ok'),
  );
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, stop: () => server.close() };
}

test('a certificate of a private authority is accepted if the authority is known, and no other', async () => {
  const { port, stop } = await listen(PRIVATELY_SIGNED);
  const call = (wayOut?: OutboundSettings) =>
    callTarget(
      createGuardedDispatcher(parseAddressRules('127.0.0.1').rules, undefined, wayOut),
      HttpTarget.parse({ type: 'http', url: `https://127.0.0.1:${port}/`, timeout: '10s' }),
    );
  const file = (...certificates: string[]) => ({ TARGET_CA_FILE: Buffer.from(certificates.join('\n')) });
  try {
    for (const known of [file(PRIVATE_AUTHORITY), file(OTHER_SELF_SIGNED.cert, 'and', PRIVATE_AUTHORITY)])
      expect(await call(known)).toMatchObject({ verdict: 'succeeded' });
    for (const unknown of [undefined, file(OTHER_SELF_SIGNED.cert)])
      expect(await call(unknown)).toMatchObject({
        verdict: 'retryable',
        error: expect.stringMatching(/^the certificate of the target is not trusted: /),
      });
  } finally {
    stop();
  }
});

test('the authorities of Node stay trusted, including NODE_EXTRA_CA_CERTS', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-authorities-'));
  const extra = path.join(folder, 'extra.pem');
  writeFileSync(extra, SELF_SIGNED.cert);
  const [ours, nodes, unknown] = await Promise.all(
    [PRIVATELY_SIGNED, SELF_SIGNED, OTHER_SELF_SIGNED].map(listen),
  );
  // Node reads the variable at its start.
  const script = `
    import { connect } from 'node:tls';
    import { trustAuthorities } from './activities/call/tls.ts';
    const secureContext = trustAuthorities(Buffer.from(process.env.AUTHORITY));
    for (const port of process.env.PORTS.split(',')) {
      const socket = connect({ host: '127.0.0.1', port: Number(port), secureContext });
      await new Promise((end) => socket.once('secureConnect', end).once('error', end));
      console.log(socket.authorized);
      socket.destroy();
    }`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    env: {
      PATH: process.env['PATH'],
      NODE_EXTRA_CA_CERTS: extra,
      AUTHORITY: PRIVATE_AUTHORITY,
      PORTS: [ours, nodes, unknown].map((server) => server?.port).join(','),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  for (const server of [ours, nodes, unknown]) server?.stop();
  rmSync(folder, { recursive: true });
  expect(said.trim().split('\n')).toEqual(['true', 'true', 'false']);
}, 60_000);
