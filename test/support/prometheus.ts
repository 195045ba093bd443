import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findPort } from '../../local/ports.ts';
import { startLogged, stopProcess } from '../../local/processes.ts';
import { findDebianProgram } from './debian-program.ts';
import { fromRunner } from './environment.ts';
import { waitFor } from './wait-for.ts';

const SOURCE = { package: 'prometheus' };

/** Runs promtool. Returns its output. @throws Error with its output if it fails */
export function runPromtool(...args: string[]): string {
  const { command } = findDebianProgram({ ...SOURCE, program: 'promtool' });
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A Prometheus that scrapes its targets every second. */
export interface Prometheus {
  /** The current series of an expression. @throws Error for an invalid expression */
  query: (expression: string) => Promise<unknown[]>;
  stop: () => Promise<void>;
}

export async function startPrometheus(targets: string[]): Promise<Prometheus> {
  const { command } = findDebianProgram({ ...SOURCE, program: 'prometheus' });
  const folder = mkdtempSync(path.join(fromRunner('folder'), 'prometheus-'));
  const port = await findPort(0);
  const configuration = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [path.resolve('deploy/monitoring/alerts.yml')],
    scrape_configs: [{ job_name: 'scheduler', static_configs: [{ targets }] }],
  };
  // JSON is valid YAML.
  writeFileSync(path.join(folder, 'prometheus.yml'), JSON.stringify(configuration));
  const server = startLogged(
    command,
    [
      `--config.file=${path.join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${path.join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { logFile: path.join(folder, 'prometheus.log'), env: { PATH: process.env['PATH'] } },
  );
  const url = `http://127.0.0.1:${port}`;
  await waitFor('Prometheus', async () => (await fetch(`${url}/-/ready`)).ok);
  return {
    query: async (expression) => {
      const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
      const answer = (await response.json()) as {
        status: string;
        error?: string;
        data?: { result: unknown[] };
      };
      if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`);
      return answer.data?.result ?? [];
    },
    stop: async () => void (await stopProcess(server, 'SIGTERM', 10_000)),
  };
}
