import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { findPort } from '../../local/ports.ts';
import { checkGateway } from '../support/gateway.ts';
import { checkPgBouncerFile } from '../support/pgbouncer.ts';
import { runPromtool } from '../support/prometheus.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';
import { runProgram } from './run-program.ts';

const FOLDER = 'deploy/compose';

/**
 * Checks the compose files against the schema of the specification, and the mounted files with the programs that read them.
 * @throws Error that says what is wrong, or which program is missing
 */
export async function checkCompose(say: (text: string) => void): Promise<void> {
  runProgram('npx', ['dclint', 'docker-compose.yml', path.join(FOLDER, 'compose.yaml')]);
  say('Both compose files follow the specification');
  for (const folder of [FOLDER, 'deploy/temporal'])
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.sh')))
      runProgram('sh', ['-n', path.join(folder, name)]);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-compose-'));
  try {
    const certificate = { TLS_CERTIFICATE: 'cert.pem', TLS_CERTIFICATE_KEY: 'key.pem' };
    writeFileSync(path.join(folder, 'cert.pem'), SELF_SIGNED.cert);
    writeFileSync(path.join(folder, 'key.pem'), SELF_SIGNED.key);
    checkGateway(folder, {
      ...gatewaySettings(),
      ...certificate,
      ACCESS_LOG: path.join(folder, 'access.log'),
    });
    say('nginx takes the gateway with the settings of the compose file');
    for (const file of [path.join(FOLDER, 'prometheus.yml'), 'deploy/monitoring/alerts.yml'])
      cpSync(file, path.join(folder, path.basename(file)));
    runPromtool('check', 'config', path.join(folder, 'prometheus.yml'));
    say('Prometheus takes its configuration, with the alerts');
    await checkPgBouncerFile(folder, path.join(FOLDER, 'pgbouncer.ini'), await findPort(0));
    say('PgBouncer starts with its file');
    say('Not checked, because their programs are not available here: the files of Loki, Alloy and Grafana');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The environment of the gateway in the compose file, with its defaults. */
function gatewaySettings(): Record<string, string> {
  const { services } = parse(readFileSync(path.join(FOLDER, 'compose.yaml'), 'utf8'), { merge: true }) as {
    services: { gateway: { environment: Record<string, string> } };
  };
  const given = Object.entries(services.gateway.environment);
  return Object.fromEntries(given.map(([name, value]) => [name, value.replace(/^\$\{\w+:-(.*)\}$/, '$1')]));
}
