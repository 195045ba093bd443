import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { TUNING_ENVIRONMENT, TUNING_FLAGS } from '../../local/temporal-server.ts';
import { readConfig } from '../../platform/config.ts';

interface Service {
  image?: string;
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
  networks?: string[];
  user?: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
}

const read = (file: string) =>
  parse(readFileSync(file, 'utf8'), { merge: true }) as { services: Record<string, Service> };

test('docker-compose.yml tunes Temporal like npm start', () => {
  const temporal = read('docker-compose.yml').services['temporal'];
  const flags = temporal?.command?.filter((flag) =>
    /^--(sqlite-pragma|search-attribute|dynamic-config-value)=/.test(flag),
  );
  expect(flags).toEqual(TUNING_FLAGS);
  expect(temporal?.environment).toEqual(TUNING_ENVIRONMENT);
});

test('the image runs as a user without rights, by number, and owns no file of it', () => {
  const stages = readFileSync('Dockerfile', 'utf8').split(/^FROM /m);
  const instructions = (stages.at(-1) ?? '').split('\n').filter((line) => /^[A-Z]+ /.test(line));
  // Kubernetes can see only of a number that it is not root.
  const users = instructions.filter((line) => line.startsWith('USER '));
  expect(users).toEqual([expect.stringMatching(/^USER [1-9]\d*$/)]);
  const copies = instructions.filter((line) => /^(COPY|ADD) /.test(line));
  expect(copies.length).toBeGreaterThan(0);
  for (const copy of copies) expect(copy).toContain(' --chown=root:root ');
  expect(instructions.some((line) => line.startsWith('RUN '))).toBe(false);
  // With the list of its packages, which the build puts there.
  expect(instructions.join('\n')).toContain('/app/dist ./dist');
});

test.each(['docker-compose.yml', 'deploy/compose/compose.yaml'])(
  '%s runs it without writable files and capabilities',
  (file) => {
    const ours = Object.entries(read(file).services).filter(
      ([, { image }]) => image === 'durable-job-scheduler',
    );
    expect(ours.map(([name]) => name).sort()).toEqual(['api', 'migrate', 'worker']);
    for (const [name, { user, read_only, cap_drop, security_opt }] of ours)
      expect({ name, user, read_only, cap_drop, security_opt }).toEqual({
        name,
        user: undefined,
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
  },
);

describe('deploy/compose', () => {
  const folder = 'deploy/compose';
  const { services } = read(path.join(folder, 'compose.yaml'));
  const text = readFileSync(path.join(folder, 'compose.yaml'), 'utf8');
  const example = readFileSync(path.join(folder, '.env.example'), 'utf8');
  /** Replaces the variables as the engine does, with the values of .env. */
  const given: Record<string, string> = {
    POSTGRES_PASSWORD: 'a1',
    TEMPORAL_POSTGRES_PASSWORD: 'b2',
    GRAFANA_PASSWORD: 'c3',
    API_KEY_PEPPER: 'p'.repeat(44),
    SECRET_KEYS: `main:${Buffer.alloc(32, 'k').toString('base64')}`,
    TLS_FOLDER: '/etc/tls',
  };
  const fill = (value: string) =>
    value.replaceAll(/\$\{(\w+)(?::([-?+])([^}]*))?\}/g, (_, name: string, sign: string, text = '') =>
      sign === '+' ? (given[name] && String(text)) || '' : (given[name] ?? String(text)),
    );

  test.each(['api', 'worker', 'migrate'])('gives %s an environment with which it starts', (name) => {
    const environment = Object.entries(services[name]?.environment ?? {});
    const filled = Object.fromEntries(environment.map(([key, value]) => [key, fill(value)]));
    // The image sets these.
    expect(() => readConfig({ HOST: '0.0.0.0', ...filled })).not.toThrow();
  });

  test('requires the empty variables of .env.example, and uses all of its variables', () => {
    const required = [...text.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name);
    const blank = [...example.matchAll(/^(\w+)=$/gm)].map(([, name]) => name);
    expect(new Set(required)).toEqual(new Set(blank));
    expect(new Set(required)).toEqual(new Set(Object.keys(given)));
    for (const [, name] of example.matchAll(/^(?:# )?([A-Z_]+)=/gm)) expect(text).toContain(`\${${name}`);
  });

  test('mounts files that exist', () => {
    const files = Object.values(services)
      .flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0] ?? ''))
      .filter((source) => source.startsWith('.'));
    expect(files.length).toBeGreaterThan(8);
    for (const file of files) expect([file, existsSync(path.join(folder, file))]).toEqual([file, true]);
  });

  test('pins every image, and publishes only the gateway', () => {
    for (const [name, { image, ports = [] }] of Object.entries(services)) {
      if (image !== undefined && image !== 'durable-job-scheduler')
        expect([name, image]).toEqual([name, expect.stringMatching(/:v?\d+\.\d+(\.\d+)?[-\w.]*$/)]);
      if (name !== 'gateway')
        for (const port of ports)
          expect([name, port]).toEqual([name, expect.stringMatching(/^127[.]0[.]0[.]1:/)]);
    }
  });

  test('gives the gateway all variables of its template', () => {
    const template = readFileSync('deploy/gateway/nginx.conf.template', 'utf8');
    const taken = new Set([...template.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name]) => name));
    const gateway = Object.keys(services['gateway']?.environment ?? {});
    // nginx's image writes the filled template here.
    expect(new Set(gateway)).toEqual(new Set([...taken, 'NGINX_ENVSUBST_OUTPUT_DIR']));
  });
});
