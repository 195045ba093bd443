import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { HELM, KUBE_SCORE, KUBECONFORM } from './chart-programs.ts';
import { checkWorkloads, parseObjects } from './chart-workloads.ts';
import { findSchemas, KUBERNETES_VERSIONS } from './kubernetes-schemas.ts';
import { runProgram } from './run-program.ts';
import type { CheckTools } from './temporal-stack.ts';

const CHART = 'deploy/helm/scheduler';
const VALUES = path.join(CHART, 'ci');
const SETS = readdirSync(VALUES).map((file) => file.replace(/-values\.yaml$/, ''));

/** Changes of the minimal values that must be refused, with the expected messages. */
const REFUSED: [change: string, words: string][] = [
  ['secrets.existingSecret=', 'secrets.existingSecret is required'],
  ['temporal.address=', 'temporal.address is required'],
  ['temporal.address=http://x', 'does not match'],
  ['config.API_KEY_PEPPER=x', "'API_KEY_PEPPER' not allowed"],
  ['config.LOG_LEVEL=loud', 'must be one of'],
  ['config.RUN_RETENTION_DAYS=0', 'minimum: got 0, want 1'],
  ['api.replica=3', "'replica' not allowed"],
  ['api.internalPort=8000', 'must be another port than 8000'],
  ['image.tag=latest', 'latest means another image each day'],
  ['httpRoute.enabled=true', 'httpRoute.parentRefs is required'],
  ['ingress.enabled=true', 'ingress.hosts is required'],
  ['worker.autoscaling.enabled=true,temporal.tls.enabled=true', 'only with a client certificate'],
];

/**
 * Lints and renders the chart with each set of values. Checks the objects against the schemas of three versions of
 * Kubernetes and with kube-score, and the environment of each container against the configuration of the service.
 * @throws Error that says what is wrong, or which program is missing
 */
export async function checkChart({ say, obtain }: CheckTools): Promise<void> {
  const [helm, kubeconform, kubeScore] = [
    await obtain(HELM),
    await obtain(KUBECONFORM),
    await obtain(KUBE_SCORE),
  ];
  const schemas = findSchemas(say);
  const render = (set: string, version: string, ...more: string[]) =>
    runProgram(helm, [
      ...[
        'template',
        'release',
        CHART,
        '--namespace',
        'apps',
        '--values',
        path.join(VALUES, `${set}-values.yaml`),
      ],
      // A helm that was built with Go does not know its version of Kubernetes.
      ...['--kube-version', version, ...more],
    ]).stdout;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-chart-'));
  try {
    for (const set of SETS) {
      runProgram(helm, ['lint', '--strict', CHART, '--values', path.join(VALUES, `${set}-values.yaml`)]);
      for (const version of KUBERNETES_VERSIONS) {
        const file = path.join(folder, `${set}-${version}.yaml`);
        writeFileSync(file, render(set, version));
        const valid = validate(kubeconform, schemas, version, file);
        const minor = `v${version.split('.').slice(0, 2).join('.')}`;
        // values.yaml says why there is no CPU limit. kube-score exits with 1 for a critical finding.
        runProgram(kubeScore, ['score', '--kubernetes-version', minor, '--ignore-container-cpu-limit', file]);
        say(`${set}: ${valid} objects are valid for Kubernetes ${version}, none is critical`);
      }
      checkWorkloads(parseObjects(render(set, KUBERNETES_VERSIONS[0] as string)));
    }
    checkTheChecks(kubeconform, schemas, folder, render('minimal', '1.33.0'));
    for (const [change, words] of REFUSED)
      assert.throws(
        () => render('minimal', '1.33.0', '--set', change),
        { message: new RegExp(escape(words)) },
        change,
      );
    say(`${SETS.length} sets of values fit the service; ${REFUSED.length} wrong values are refused in words`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Validates the objects of a file and returns their number. @throws Error for an invalid one, or one without a schema */
function validate(
  kubeconform: string,
  schemas: { kubernetes: string; custom: string },
  version: string,
  file: string,
): number {
  const { stdout } = runProgram(kubeconform, [
    ...['-strict', '-summary', '-output', 'json', '-kubernetes-version', version],
    ...[
      '-schema-location',
      `${schemas.kubernetes}/{{ .NormalizedKubernetesVersion }}/{{ .ResourceKind }}{{ .KindSuffix }}.json`,
    ],
    ...[
      '-schema-location',
      `${schemas.custom}/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json`,
    ],
    file,
  ]);
  const { summary } = JSON.parse(stdout) as {
    summary: Record<'valid' | 'invalid' | 'errors' | 'skipped', number>;
  };
  assert.deepEqual({ ...summary, valid: 0 }, { valid: 0, invalid: 0, errors: 0, skipped: 0 });
  assert.ok(summary.valid > 0, `${file} holds objects`);
  return summary.valid;
}

/** Checks that unknown fields are found, in a built-in kind and in a custom one. */
function checkTheChecks(
  kubeconform: string,
  schemas: { kubernetes: string; custom: string },
  folder: string,
  rendered: string,
): void {
  const file = path.join(folder, 'wrong.yaml');
  const route =
    'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: x }\nspec: { rulez: [] }\n';
  const spoiled = rendered.replace('  template:\n', '  templates: {}\n  template:\n');
  assert.notEqual(spoiled, rendered);
  for (const wrong of [spoiled, route]) {
    writeFileSync(file, wrong);
    assert.throws(() => validate(kubeconform, schemas, '1.33.0', file), /rulez|templates/);
  }
}

const escape = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
