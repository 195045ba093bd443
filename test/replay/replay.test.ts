import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleOption,
} from '@temporalio/worker';

const logger = new DefaultLogger('WARN', () => undefined);
Runtime.install({ logger });

const folder = fileURLToPath(new URL('.', import.meta.url));
const histories = readdirSync(folder).filter((file) => file.endsWith('.json'));

// Runs that are open when a new version is deployed continue with its code, which must take the same steps as the old one.
// Histories are recorded with `temporal workflow show --output json`, one for each version that took other steps, and
// stripped of what they say about the machine.
let workflowBundle: WorkflowBundleOption;
beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../../workflows', import.meta.url));
  workflowBundle = { code: (await bundleWorkflowCode({ workflowsPath, logger })).code };
});

test.each(histories)('%s replays with the current code', async (file) => {
  const text = readFileSync(folder + file, 'utf8');
  // A stack trace contains paths.
  expect(text).not.toMatch(/"stackTrace": "[^"]/);
  const history: unknown = JSON.parse(text);
  await expect(Worker.runReplayHistory({ workflowBundle }, history)).resolves.toBeUndefined();
});
