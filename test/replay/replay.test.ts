import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';

Runtime.install({ logger: new DefaultLogger('WARN', () => undefined) });

const folder = fileURLToPath(new URL('.', import.meta.url));
const histories = readdirSync(folder).filter((file) => file.endsWith('.json'));

// Runs that are under way when a new version is deployed go on with its code: it must take the same steps as the old
// one took. Recorded with `temporal workflow show --output json`, one for each version that took other steps;
// whoever records one takes out what it says of the machine.
test.each(histories)('%s replays with the code of today', async (file) => {
  const text = readFileSync(folder + file, 'utf8');
  // A stack trace is full of paths.
  expect(text).not.toMatch(/"stackTrace": "[^"]/);
  const history: unknown = JSON.parse(text);
  const replay = Worker.runReplayHistory(
    { workflowsPath: fileURLToPath(new URL('../../workflows', import.meta.url)) },
    history,
  );
  await expect(replay).resolves.toBeUndefined();
});
