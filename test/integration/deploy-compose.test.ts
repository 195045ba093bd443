import { test } from '@jest/globals';
import { checkCompose } from '../deploy/compose.ts';

// The part of npm run check:deploy that needs nothing to be built.
test('the compose files and what they mount hold', async () => {
  await checkCompose(() => undefined);
});
