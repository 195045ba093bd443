import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Environment } from '../../../platform/environment.ts';
import { configurationPage } from '../../support/configuration-page.ts';
import { readConfig, readLocalConfig } from '../../../platform/config.ts';
import { PRIVATE_AUTHORITY } from '../../support/private-authority.ts';
import { SELF_SIGNED } from '../../support/self-signed.ts';

const servers = {
  DATABASE_URL: 'postgres://user:secret@db:5432/scheduler',
  TEMPORAL_ADDRESS: 'temporal:7233',
};

describe('configuration', () => {
  test('has a default for everything but the two servers', () => {
    expect(readConfig(servers)).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 8000,
      TEMPORAL_NAMESPACE: 'default',
      HTTP_TARGET_ALLOW: [],
    });
    expect(readLocalConfig({})).toMatchObject({
      DATA_DIR: '.data',
      POSTGRES_PORT: 5432,
      TEMPORAL_UI_PORT: 8233,
    });
  });

  test('names every wrong variable at once, and never shows a password', () => {
    const read = () =>
      readConfig({
        PORT: '99999',
        LOG_LEVEL: 'loud',
        DATABASE_URL: 'mysql://user:secret@db/x',
        DATABASE_READ_URL: 'user:secret@db/x',
        DATABASE_POOL_SIZE: 'many',
        TEMPORAL_TLS: 'yes',
        SECRET_KEYS: `good:${Buffer.alloc(32).toString('base64')},bad:c2VjcmV0`,
        HTTP_TARGET_ALLOW: '10.0.0.0/8,what is this?',
      });
    expect(read).toThrow(
      /PORT: .*99999[^]*LOG_LEVEL: [^]*DATABASE_URL: must be such as[^]*DATABASE_READ_URL: must be such as[^]*DATABASE_POOL_SIZE: [^]*TEMPORAL_ADDRESS: is required[^]*TEMPORAL_TLS: [^]*SECRET_KEYS: key 2 must be a name[^]*HTTP_TARGET_ALLOW: "what is this\?" is no address/,
    );
    expect(read).not.toThrow(/secret\b|c2VjcmV0|AAAA/);
  });

  test('treats an empty variable as unset', () => {
    expect(readConfig({ ...servers, PORT: '', TEMPORAL_UI_URL: '' })).toMatchObject({ PORT: 8000 });
  });

  test('requires the key of a client certificate', () => {
    expect(() => readConfig({ ...servers, TEMPORAL_TLS_CERT_FILE: 'package.json' })).toThrow('needs both');
  });

  test('names a missing file', () => {
    expect(() => readConfig({ ...servers, DATABASE_CA_FILE: '/no/such/file' })).toThrow(
      'DATABASE_CA_FILE: no such file: /no/such/file',
    );
  });

  test.each(['DATABASE_CA_FILE', 'TEMPORAL_TLS_CA_FILE', 'TARGET_CA_FILE'])(
    '%s must hold certificates',
    (name) => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-config-'));
      const readWith = (content: string) => {
        const file = path.join(folder, 'ca.pem');
        writeFileSync(file, content);
        return readConfig({ ...servers, [name]: file });
      };
      try {
        expect(readWith(`a comment\n${PRIVATE_AUTHORITY}\n${SELF_SIGNED.cert}\n`)).toMatchObject({
          [name]: expect.any(Buffer),
        });
        for (const nothing of ['', 'no certificate', SELF_SIGNED.key])
          expect(() => readWith(nothing)).toThrow(`${name}: holds no certificate in PEM (is `);
        expect(() => readWith(`${PRIVATE_AUTHORITY}\n${SELF_SIGNED.cert.replace('MII', 'AAA')}`)).toThrow(
          `${name}: certificate 2 in it cannot be read (is `,
        );
        expect(() => readConfig({ ...servers, [name]: folder })).toThrow(`${name}: cannot be read: `);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );

  test('.env.example names every variable, and no other', () => {
    const inExample = readFileSync('.env.example', 'utf8').matchAll(/^#?\s?([A-Z][A-Z_]+)=/gm);
    expect([...inExample].map(([, name]) => name).sort()).toEqual(Object.keys(Environment.shape).sort());
  });

  test('docs/configuration.md is generated from the schema, and describes each variable (npm run docs)', () => {
    const cells = (page: string) =>
      page.split('\n').map((line) =>
        line
          .split('|')
          .map((cell) => cell.trim().replace(/^-+$/, '-'))
          .join('|'),
      );
    expect(cells(readFileSync('docs/configuration.md', 'utf8'))).toEqual(cells(configurationPage()));
    for (const schema of Object.values(Environment.shape)) expect(schema.description).toMatch(/\.$/);
  });
});
