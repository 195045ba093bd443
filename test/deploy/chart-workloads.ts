import assert from 'node:assert/strict';
import { parseAllDocuments } from 'yaml';
import { requireSafeStart } from '../../api/access/safe-start.ts';
import { readConfig, readDatabaseConfig } from '../../platform/config.ts';

interface Container {
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef: { key: string } } }[];
  envFrom?: { configMapRef: { name: string } }[];
  volumeMounts?: { mountPath: string }[];
  securityContext: Record<string, unknown>;
}

/** The parts of a Kubernetes object that these checks read. */
export interface KubernetesObject {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  spec: {
    replicas?: number;
    template: {
      metadata: { labels: Record<string, string> };
      spec: Record<string, unknown> & { containers: [Container] };
    };
  };
}

/** The content of an existing Secret. */
const SECRETS: Record<string, string> = {
  DATABASE_URL: 'postgres://user@pooler/scheduler',
  DATABASE_READ_URL: 'postgres://user@replica/scheduler',
  DATABASE_MIGRATION_URL: 'postgres://user@postgres/scheduler',
  API_KEY_PEPPER: 'p'.repeat(40),
  SECRET_KEYS: `main:${Buffer.alloc(32).toString('base64')}`,
  HTTPS_PROXY: 'http://user:password@egress.example:3128',
  HTTP_PROXY: 'http://user:password@egress.example:3128',
};

export const parseObjects = (rendered: string): KubernetesObject[] =>
  parseAllDocuments(rendered)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);

/**
 * Checks the Deployments and the Job of a rendered chart: the service starts with their environment, and each part gets no
 * more than it needs. @throws Error that names the one that does not fit
 */
export function checkWorkloads(objects: KubernetesObject[]): void {
  const workloads = objects.filter(({ kind }) => ['Deployment', 'Job'].includes(kind));
  assert.equal(workloads.length, 3);
  const isScaled = objects.some(({ kind }) => kind === 'HorizontalPodAutoscaler');
  for (const workload of workloads) {
    const { kind, metadata, spec } = workload;
    const environment = environmentOf(workload, objects);
    if (kind === 'Job') readDatabaseConfig(environment);
    else {
      const config = readConfig(environment);
      if (metadata.name.endsWith('-api')) requireSafeStart(config);
      assert.ok('SECRET_KEYS' in environment, `${metadata.name} can read secrets of jobs`);
      // An autoscaler would compete with a fixed number of replicas.
      if (metadata.name.endsWith('-api')) assert.equal('replicas' in spec, !isScaled, metadata.name);
    }
    if (!metadata.name.endsWith('-api'))
      assert.deepEqual(
        Object.keys(environment).filter((name) => /^(API_KEY_PEPPER|JWT_)/.test(name)),
        [],
        metadata.name,
      );
    // Only workers get the proxies of targets, because other clients would use them as well.
    if (!metadata.name.endsWith('-worker'))
      assert.deepEqual(
        Object.keys(environment).filter(
          (name) => /PROXY$|PROXY_|^TARGET_/.test(name) && name !== 'TRUST_PROXY',
        ),
        [],
        metadata.name,
      );
    checkPod(workload);
  }
}

function checkPod({ metadata, spec }: KubernetesObject): void {
  const pod = spec.template.spec;
  const { containers, ...rest } = pod;
  // With service links, a Service named "temporal" would set TEMPORAL_PORT to tcp://….
  assert.equal(rest['enableServiceLinks'], false, metadata.name);
  assert.equal(rest['automountServiceAccountToken'], false, metadata.name);
  const { runAsNonRoot, seccompProfile } = rest['securityContext'] as Record<string, unknown>;
  assert.deepEqual(
    { runAsNonRoot, seccompProfile },
    { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    metadata.name,
  );
  const { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities } = containers[0].securityContext;
  assert.deepEqual(
    { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities },
    { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    metadata.name,
  );
  const labels = Object.keys(spec.template.metadata.labels);
  assert.ok(
    !labels.some((label) => /version|chart/.test(label)),
    `pods of ${metadata.name} keep their labels`,
  );
}

/** The variables of a container. Each file is checked to be mounted, and replaced by one that exists here. */
function environmentOf(
  { metadata, spec }: KubernetesObject,
  objects: KubernetesObject[],
): Record<string, string> {
  const [container] = spec.template.spec.containers;
  const environment: Record<string, string> = {};
  const add = (name: string, value: string) => {
    assert.ok(!(name in environment), `${metadata.name} is given ${name} twice`);
    environment[name] = value;
  };
  for (const { configMapRef } of container.envFrom ?? []) {
    const map = objects.find(
      ({ kind, metadata: { name } }) => kind === 'ConfigMap' && name === configMapRef.name,
    );
    for (const [name, value] of Object.entries(map?.data ?? {})) add(name, value);
  }
  for (const { name, value, valueFrom } of container.env ?? [])
    add(name, value ?? SECRETS[valueFrom?.secretKeyRef.key ?? ''] ?? 'secret');
  for (const [name, value] of Object.entries(environment).filter(([variable]) =>
    variable.endsWith('_FILE'),
  )) {
    const isMounted = container.volumeMounts?.some(({ mountPath }) => value.startsWith(`${mountPath}/`));
    assert.ok(isMounted, `${metadata.name}: ${name} lies in no mount`);
    // The parser finds certificates anywhere in a file.
    environment[name] = name.endsWith('_CA_FILE') ? 'test/support/private-authority.ts' : 'package.json';
  }
  return environment;
}
