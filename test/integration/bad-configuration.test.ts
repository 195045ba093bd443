import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';

// The processes, started as in production. None of them reaches a server.
const start = (script: string[], env: Record<string, string>) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, script, {
    env: { PATH: process.env['PATH'], ...env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};
const bad = {
  LOG_LEVEL: 'loud',
  PORT: 'x',
  DATABASE_URL: 'mysql://h/x',
  TEMPORAL_ADDRESS: 'nowhere',
  DATABASE_CA_FILE: '.',
  TEMPORAL_TLS_CERT_FILE: 'package.json',
  JWT_ISSUER: 'somebody',
};

describe('a wrong configuration', () => {
  test.each([
    ['the API', ['dist/api/main.js']],
    ['the worker', ['dist/worker/main.js']],
    ['the migration', ['dist/db/main.js']],
    ['the keys', ['dist/api/keys-main.js', 'list']],
    ['the local stack', ['--import', 'tsx', 'local/main.ts']],
  ])('stops %s, which names every wrong variable at once, in plain words', (_, script) => {
    const { status, stdout, stderr } = start(script, bad);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^The configuration is not valid:\n/);
    for (const name of Object.keys(bad)) expect(stderr).toContain(`\n  ${name}: `);
    expect(stderr).not.toMatch(/^\s+at /m);
    // No logger has written anything: the configuration is checked first.
    expect(stdout).not.toContain('{');
  });

  test('includes an API without access control on a public address', () => {
    const { status, stdout, stderr } = start(['dist/api/main.js'], {
      HOST: '0.0.0.0',
      DATABASE_URL: 'postgres://h/x',
      TEMPORAL_ADDRESS: 'h:1',
    });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^The configuration is not valid:\n {2}HOST: 0\.0\.0\.0 can be reached/);
  });
});
