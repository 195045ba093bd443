import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { placeOf } from '../../local/go-program.ts';
import { runProgram } from './run-program.ts';

/** The oldest version of Kubernetes that the chart supports, one in the middle, and the newest with schemas. */
export const KUBERNETES_VERSIONS = ['1.29.0', '1.33.0', '1.37.0'];

/** A Python package with the schemas of Kubernetes, which otherwise only GitHub has. */
const SCHEMAS = { program: 'kubernetes-validate', version: '1.37.0' };

/** Go modules with the custom resources that the chart uses. Each is downloaded separately. */
const CUSTOM_RESOURCES: Record<string, string[]> = {
  'sigs.k8s.io/gateway-api@v1.6.1': ['config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
  'github.com/kedacore/keda/v2@v2.21.0': [
    'config/crd/bases/keda.sh_scaledobjects.yaml',
    'config/crd/bases/keda.sh_triggerauthentications.yaml',
  ],
  'github.com/prometheus-operator/prometheus-operator@v0.85.0': [
    'servicemonitors',
    'podmonitors',
    'prometheusrules',
  ].map((kind) => `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`),
};

type Schema = Record<string, unknown>;

/**
 * Returns a folder with the JSON schemas of these versions of Kubernetes and of the custom resources, in the layout of
 * kubeconform. It is in the user's cache folder, and created the first time.
 * @throws Error that says what is not available
 */
export function findSchemas(say: (text: string) => void): { kubernetes: string; custom: string } {
  const folder = path.dirname(placeOf(SCHEMAS));
  const found = { kubernetes: path.join(folder, 'kubernetes'), custom: path.join(folder, 'custom') };
  if (Object.values(found).every(existsSync)) return found;
  say(
    `Fetching the schemas of Kubernetes ${KUBERNETES_VERSIONS.join(', ')} and of custom resources (30 MB, once) …`,
  );
  mkdirSync(folder, { recursive: true });
  const aside = mkdtempSync(path.join(folder, 'making-'));
  try {
    makeKubernetesSchemas(aside);
    makeCustomSchemas(aside);
    for (const [kind, place] of Object.entries(found)) {
      rmSync(place, { recursive: true, force: true });
      renameSync(path.join(aside, kind), place);
    }
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return found;
}

function makeKubernetesSchemas(aside: string): void {
  const wheel = `${SCHEMAS.program}==${SCHEMAS.version}`;
  runProgram('python3', [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--dest',
    aside,
    wheel,
  ]);
  const file = readdirSync(aside).find((name) => name.endsWith('.whl')) ?? '';
  runProgram('python3', ['-m', 'zipfile', '-e', file, 'wheel'], { cwd: aside });
  for (const version of KUBERNETES_VERSIONS) {
    const from = path.join(
      aside,
      'wheel/kubernetes_validate/kubernetes-json-schema',
      `v${version}-local-strict`,
    );
    const to = path.join(aside, 'kubernetes', `v${version}`);
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) {
      // Their ids are URLs, from which they would be loaded.
      const text = readFileSync(path.join(from, name), 'utf8').replaceAll(
        '"/api/_definitions.json',
        '"_definitions.json',
      );
      writeFileSync(path.join(to, name), JSON.stringify({ ...(JSON.parse(text) as Schema), $id: undefined }));
    }
  }
}

function makeCustomSchemas(aside: string): void {
  for (const [module, files] of Object.entries(CUSTOM_RESOURCES)) {
    const { stdout } = runProgram('go', ['mod', 'download', '-json', module], {
      env: { ...process.env, GOFLAGS: '' },
    });
    const { Dir: folder } = JSON.parse(stdout) as { Dir: string };
    for (const file of files)
      for (const document of parseAllDocuments(readFileSync(path.join(folder, file), 'utf8')))
        writeCustomSchemas(path.join(aside, 'custom'), document.toJS() as CustomResourceDefinition);
  }
}

interface CustomResourceDefinition {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: { properties: Record<string, Schema> } } }[];
  };
}

function writeCustomSchemas(to: string, { spec }: CustomResourceDefinition): void {
  const folder = path.join(to, spec.group);
  mkdirSync(folder, { recursive: true });
  for (const { name, schema } of spec.versions) {
    const { properties } = schema.openAPIV3Schema;
    const closed = Object.entries(properties).map(
      ([key, value]) => [key, key === 'metadata' ? value : close(value)] as const,
    );
    const whole = {
      ...schema.openAPIV3Schema,
      properties: Object.fromEntries<unknown>(closed),
      additionalProperties: false,
    };
    writeFileSync(path.join(folder, `${spec.names.kind.toLowerCase()}_${name}.json`), JSON.stringify(whole));
  }
}

/** Makes a schema refuse unknown fields, like those of the built-in kinds. */
function close(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(close);
  if (part === null || typeof part !== 'object') return part;
  const entries = Object.entries(part as Schema).map(([key, value]) => [key, close(value)] as const);
  const schema: Schema = Object.fromEntries(entries);
  if (schema['x-kubernetes-int-or-string'] === true)
    return { ...schema, type: undefined, oneOf: [{ type: 'string' }, { type: 'integer' }] };
  const isOpen = 'additionalProperties' in schema || schema['x-kubernetes-preserve-unknown-fields'] === true;
  return 'properties' in schema && !isOpen ? { ...schema, additionalProperties: false } : schema;
}
