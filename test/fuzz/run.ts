import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { findSchemathesis } from './schemathesis.ts';

/** The result of a fuzz run. */
export interface FuzzResult {
  requests: number;
  /** How often each operation was answered with each status. */
  counts: { operation: string; status: number; count: number }[];
  /** Whether Schemathesis found nothing. */
  isGood: boolean;
  /** The end of its output: its findings and its summary. */
  report: string;
}

/**
 * Makes Schemathesis send generated requests, valid and invalid ones and sequences of them, to every operation of an API
 * for about `seconds`. It checks each answer and each event of the stream against the OpenAPI document.
 */
export async function runFuzz(options: {
  url: string;
  token: string;
  seconds: number;
  seed: number;
  folder: string;
  say: (text: string) => void;
}): Promise<FuzzResult> {
  const { url, token, seconds, seed, say } = options;
  const command = findSchemathesis(say);
  const folder = mkdtempSync(path.join(options.folder, 'fuzz-'));
  const countsFile = path.join(folder, 'counts.json');
  const reportFile = path.join(folder, 'report.txt');
  say(`Fuzzing for about ${seconds} s, seed ${seed}; the report goes to ${reportFile}`);
  const child = spawn(
    command,
    [
      ...['--config-file', path.resolve('test/fuzz/schemathesis.toml')],
      ...['run', `${url}/openapi.json`],
      ...['--header', `Authorization: Bearer ${token}`],
      ...['--checks', 'all', '--continue-on-failure'],
      // One worker: with several, Python 3.11 sometimes fails (ast.parse in threads).
      ...['--max-time', String(seconds), '--workers', '1', '--seed', String(seed)],
      '--no-color',
    ],
    {
      cwd: folder,
      env: {
        ...process.env,
        FUZZ_COUNTS: countsFile,
        PYTHONPATH: path.resolve('test/fuzz'),
        PYTHONDONTWRITEBYTECODE: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const report = createWriteStream(reportFile);
  child.stdout.pipe(report);
  child.stderr.pipe(report);
  const begun = Date.now();
  const progress = setInterval(
    () => say(`fuzzing, ${Math.round((Date.now() - begun) / 1_000)} s of about ${seconds}`),
    30_000,
  );
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(progress);
  const counts = (JSON.parse(readFileSync(countsFile, 'utf8')) as [string, number, number][]).map(
    ([operation, status, count]) => ({ operation, status, count }),
  );
  return {
    requests: counts.reduce((sum, { count }) => sum + count, 0),
    counts,
    isGood: code === 0,
    report: readFileSync(reportFile, 'utf8'),
  };
}
