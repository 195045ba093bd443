import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

// npm run test:fuzz -- --seconds 480 --seed 1: runs test/long/fuzz.test.ts for longer.
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '480' },
    requests: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
// The minimal number of requests, which the slowest machine reaches. Fewer would mean that the run tested little.
const requests = values.requests ?? String(Number(values.seconds) * 10);
const { status } = spawnSync(process.execPath, ['--import', 'tsx', 'test/run.ts', 'test/long/fuzz'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    FUZZ_SECONDS: values.seconds,
    FUZZ_REQUESTS: requests,
    FUZZ_SEED: values.seed,
  },
});
process.exit(status ?? 1);
