import { readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Operation } from '../../../../api/rest/operation.ts';
import { operations } from '../../../../api/routes/index.ts';

const folder = new URL('../../../../api/routes/', import.meta.url);
const files = readdirSync(folder).filter((file) => file !== 'index.ts');

test('the files of routes export only operations, each under its operationId', async () => {
  const exported: Operation[] = [];
  for (const file of files) {
    const module = (await import(new URL(file, folder).href)) as Record<string, Operation>;
    for (const [name, operation] of Object.entries(module)) {
      expect({ file, name }).toEqual({ file, name: operation.operationId });
      exported.push(operation);
    }
  }
  expect(new Set(exported)).toEqual(new Set(operations));
  expect(exported).toHaveLength(operations.length);
});
