import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

// Part of npm run build: lists the packages of production in dist/sbom.cdx.json (CycloneDX), from the lock file. npm's own
// --omit=dev also leaves out what both production and development need, so the lock file decides.

interface Sbom {
  components: { name: string; version: string; 'bom-ref': string }[];
  dependencies: { ref: string; dependsOn?: string[] }[];
  metadata: { component: { name: string; 'bom-ref': string } };
}

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const { name } = read('package.json') as { name: string };
const { packages } = read('package-lock.json') as {
  packages: Record<string, { version: string; dev?: true }>;
};
const inProduction = new Set(
  Object.entries(packages)
    .filter(([, { dev }]) => !dev)
    .map(([folder, { version }]) => `${folder.replace(/^.*node_modules\//, '')}@${version}`),
);
const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'];
const sbom = JSON.parse(execFileSync('npm', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })) as Sbom;
sbom.components = sbom.components.filter((one) => inProduction.has(`${one.name}@${one.version}`));
const listed = new Set([...sbom.components.map((one) => one['bom-ref']), sbom.metadata.component['bom-ref']]);
sbom.dependencies = sbom.dependencies
  .filter(({ ref }) => listed.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => listed.has(one)) }));
// npm names it for the folder.
sbom.metadata.component.name = name;
writeFileSync('dist/sbom.cdx.json', JSON.stringify(sbom, null, 2));
