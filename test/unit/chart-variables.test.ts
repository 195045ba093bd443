import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { readConfig } from '../../platform/config.ts';
import { Environment } from '../../platform/environment.ts';

const CHART = 'deploy/helm/scheduler';

/** Variables that only the local stack reads. */
const LOCAL = ['DATA_DIR', 'ECHO_PORT', 'POSTGRES_PORT', 'TEMPORAL_PORT', 'TEMPORAL_UI_PORT'];

const SERVERS = { DATABASE_URL: 'postgres://db/scheduler', TEMPORAL_ADDRESS: 'temporal:7233' };

interface Schema {
  type?: string | string[];
  enum?: string[];
  minimum?: number;
  maximum?: number;
  additionalProperties?: unknown;
  properties?: Record<string, Schema>;
}

const readChart = (file: string) => readFileSync(`${CHART}/${file}`, 'utf8');
const schema = JSON.parse(readChart('values.schema.json')) as Schema;
const config = schema.properties?.['config']?.properties ?? {};

/** The variables that templates set: as `- name: PORT`, or with the helper for those from a Secret. */
const templates = readdirSync(`${CHART}/templates`).map((file) => readChart(`templates/${file}`));
const ownValues = templates.flatMap((template) =>
  [...template.matchAll(/- name: ([A-Z][A-Z_]+)$|"scheduler\.fromSecret" \(list "([A-Z_]+)"/gm)].map(
    ([, name, fromSecret]) => name ?? fromSecret,
  ),
);

const isAccepted = (name: string, value: unknown) => {
  try {
    readConfig({ ...SERVERS, [name]: String(value) });
    return true;
  } catch {
    return false;
  }
};

describe('the Helm chart', () => {
  test('can set each variable of a deployment in one place, and no other variable', () => {
    const ofDeployments = Object.keys(Environment.shape).filter((name) => !LOCAL.includes(name));
    const inChart = [...Object.keys(config), ...new Set(ownValues)];
    expect(inChart.sort()).toEqual(ofDeployments.sort());
  });

  const bounded = Object.entries(config).filter(([, { minimum }]) => minimum !== undefined);
  test.each(bounded)('accepts for %s what the service accepts', (name, { minimum = NaN, maximum = NaN }) => {
    const values = [minimum - 1, minimum, maximum, maximum + 1];
    expect(values.map((value) => isAccepted(name, value))).toEqual([false, true, true, false]);
  });

  const chosen = Object.entries(config).filter(([, choice]) => choice.enum);
  test.each(chosen)('accepts for %s the values that the service knows', (name, choice) => {
    for (const word of choice.enum ?? []) expect(isAccepted(name, word)).toBe(true);
    expect(isAccepted(name, 'something else')).toBe(false);
  });

  test('has a default for each value, and a schema', () => {
    // `global` belongs to Helm. The others are empty by default.
    const FREE = ['.global', '.config', '.monitoring.apiKeySecret'];
    const pathsOf = (tree: Record<string, unknown>, shape: Schema, path = ''): string[] =>
      Object.keys(tree).flatMap((name) => {
        const [below, part] = [`${path}.${name}`, shape.properties?.[name] ?? {}];
        const isGroup = part.additionalProperties === false && !FREE.includes(below);
        return isGroup ? pathsOf(tree[name] as Record<string, unknown>, part, below) : [below];
      });
    const inSchema = (shape: Schema, path = ''): string[] =>
      Object.entries(shape.properties ?? {}).flatMap(([name, part]) => {
        const below = `${path}.${name}`;
        return part.additionalProperties === false && !FREE.includes(below) ? inSchema(part, below) : [below];
      });
    const defaults = parse(readChart('values.yaml')) as Record<string, unknown>;
    expect(pathsOf(defaults, schema).sort()).toEqual(
      inSchema(schema)
        .filter((path) => path !== '.global')
        .sort(),
    );
  });
});
