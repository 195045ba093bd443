import { test } from '@jest/globals';
import { checkCompose } from '../deploy/compose.ts';

// The part of npm run check:deploy that builds nothing.
test('the compose files and the files that they mount are valid', async () => {
  await checkCompose(() => undefined);
});
