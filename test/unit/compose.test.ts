import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { TUNING_ENVIRONMENT, TUNING_FLAGS } from '../../local/temporal-server.ts';

test('docker-compose.yml tunes Temporal just as npm start does', () => {
  const document = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
    services: Record<string, { command: string[]; environment: Record<string, string> }>;
  };
  const temporal = document.services['temporal'];
  const flags = temporal?.command.filter((flag) =>
    /^--(sqlite-pragma|search-attribute|dynamic-config-value)=/.test(flag),
  );
  expect(flags).toEqual(TUNING_FLAGS);
  expect(temporal?.environment).toEqual(TUNING_ENVIRONMENT);
});
