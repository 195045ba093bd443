import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';

// Processes as they are started in production; none of them gets as far as a server.
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
  ])('ends %s, which names every wrong variable at once, in words', (_, script) => {
    const { status, stdout, stderr } = start(script, bad);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^The configuration is not valid:\n/);
    for (const name of Object.keys(bad)) expect(stderr).toContain(`\n  ${name}: `);
    expect(stderr).not.toMatch(/^\s+at /m);
    // Nothing was made before: no logger has said anything.
    expect(stdout).not.toContain('{');
  });

  test('is that of an API, too, that is open to the world', () => {
    const { status, stdout, stderr } = start(['dist/api/main.js'], {
      HOST: '0.0.0.0',
      DATABASE_URL: 'postgres://h/x',
      TEMPORAL_ADDRESS: 'h:1',
    });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^The configuration is not valid:\n {2}HOST: 0\.0\.0\.0 can be reached/);
  });
});
