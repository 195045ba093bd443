import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { operations } from '../../api/routes/index.ts';
import { DOCUMENT_FILE, fromRunner } from '../support/environment.ts';
import { API_KEY_PEPPER, makeKey } from '../support/keys.ts';
import { createStack, type Stack } from '../support/stack.ts';

const run = promisify(execFile);
const COMPILER_OPTIONS = {
  strict: true,
  target: 'es2022',
  module: 'nodenext',
  lib: ['es2022', 'dom', 'dom.iterable'],
  types: ['node'],
};

let stack: Stack;

beforeAll(async () => {
  stack = await createStack('generated-client');
});
afterAll(() => stack.stop());

test('a client generated from the document compiles under strict, and calls every operation', async () => {
  const folder = mkdtempSync(path.join(fromRunner('folder'), 'client-'));
  cpSync('test/openapi/client-user', folder, { recursive: true });
  symlinkSync(path.resolve('node_modules'), path.join(folder, 'node_modules'));
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: COMPILER_OPTIONS }));
  const document = path.join(fromRunner('folder'), DOCUMENT_FILE);
  const bin = path.resolve('node_modules/.bin');
  await run(
    path.join(bin, 'openapi-ts'),
    ['-i', document, '-o', 'generated', '-c', '@hey-api/client-fetch'],
    { cwd: folder },
  );
  // The compiler writes its errors to standard output.
  const compiled = await run(path.join(bin, 'tsc'), [], { cwd: folder }).catch(
    (error: unknown) => error as { stdout: string },
  );
  expect(compiled.stdout).toBe('');

  // A slow target, so that there is a run to cancel.
  stack.receiver.respond('/slow', (_, response) => void setTimeout(() => response.end('ok'), 5_000));
  const [{ url }] = await Promise.all([stack.startApi({ API_KEY_PEPPER }), stack.startWorker()]);
  const { stdout } = await run(process.execPath, ['every-operation.js'], {
    cwd: folder,
    env: {
      API_URL: url,
      API_KEY: await makeKey(stack, 'user of the client', 'admin'),
      TARGET_URL: `${stack.receiver.url}/slow`,
    },
  });
  const statuses = JSON.parse(stdout) as Record<string, number>;
  const { error, ...ofOperations } = statuses;
  expect(error).toBe(200);
  expect(Object.keys(ofOperations).sort()).toEqual(operations.map(({ operationId }) => operationId).sort());
  expect(Object.entries(ofOperations).filter(([, status]) => status < 200 || status > 299)).toEqual([]);
});
