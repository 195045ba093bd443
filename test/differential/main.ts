import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findPort } from '../../local/ports.ts';
import { findTemporalBinary } from '../../local/temporal-binary.ts';
import { startTemporalServer } from '../../local/temporal-server.ts';
import { runDifferential } from './run.ts';

// npm run test:differential -- --cases 5000 --seed 1; with --business-days, schedules on the working days of calendars
const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    'business-days': { type: 'boolean', default: false },
  },
});
const say = (text: string) => console.log(text);
const folder = mkdtempSync(path.join(os.tmpdir(), 'scheduler-differential-'));
const binary = await findTemporalBinary(say);
const server = await startTemporalServer({
  binary,
  dataDir: folder,
  port: await findPort(0),
  logFile: path.join(folder, 'temporal.log'),
});
let failed: boolean;
try {
  const started = Date.now();
  say(
    `Time zones: Node ${process.versions.tz}; Temporal's server uses those of its system, or the ones built into Go.`,
  );
  const result = await runDifferential({
    address: server.address,
    namespace: 'default',
    kind: values['business-days'] ? 'businessDays' : 'any',
    seed: Number(values.seed),
    cases: Number(values.cases),
    onProgress: (done, { instants, differences }) => {
      if (done % 250 === 0)
        say(
          `${done} schedules, ${instants} instants, ${differences.length} differences, ${Math.round((Date.now() - started) / 1_000)} s`,
        );
    },
  });
  for (const difference of result.differences) say(JSON.stringify(difference));
  say(`${result.cases} schedules, ${result.instants} instants: ${result.differences.length} differences`);
  failed = result.differences.length > 0;
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
