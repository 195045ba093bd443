import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

interface Package {
  optionalDependencies?: Record<string, string>;
  resolved?: string;
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, Package>;
};

test('package-lock.json installs on every platform, from any registry', () => {
  const names = new Set(Object.keys(packages).map((key) => key.replace(/^.*node_modules\//, '')));
  const missing = Object.values(packages).flatMap((entry) =>
    Object.keys(entry.optionalDependencies ?? {}).filter((name) => !names.has(name)),
  );
  // npm omits packages of other platforms if a registry does not have them yet, and then npm ci fails there.
  expect(missing).toEqual([]);
  expect(Object.values(packages).filter((entry) => entry.resolved !== undefined)).toEqual([]);
});
